"""Keeps the encoded frames of one receiver until they are taken; nothing is decoded.

Stands where aiortc's queue of frames to decode is, as `decoder` does.
"""

from __future__ import annotations

from typing import Any, Final

from orchestrator.media import MAX_FRAME_PIXELS, EncodedFrame, TrackKind
from orchestrator.sources.aiortc.video_frame import VideoFrame
from orchestrator.sources.bitstreams.bits import Size
from orchestrator.sources.encoded_audio import encoded_audio
from orchestrator.sources.encoded_video import EncodedVideo
from orchestrator.sources.keyframe_requests import KeyframeRequests
from orchestrator.sources.received_media import MediaListener, TakenFrame
from orchestrator.sources.stream_times import STREAM_SHIFT

MOST: Final = 512
"""Frames kept; then they have to be taken at once."""

MOST_BYTES: Final = 4 * 2**20
"""The same in bytes."""


class EncodedFrames:
    """Those of one receiver's frames that can be decoded."""

    def __init__(self, kind: TrackKind, max_pixels: int = MAX_FRAME_PIXELS) -> None:
        self._kind, self._max_pixels = kind, max_pixels
        self._kept: list[TakenFrame] = []
        self._bytes = 0
        self._stream = -1
        self._video = EncodedVideo(max_pixels)
        self._told_size: Size | None = None
        self._left_out = 0
        """Of the streams before."""
        self.requests = KeyframeRequests()
        """Those for the stream that comes now."""

    def put(self, item: tuple[Any, Any] | None) -> None:
        """Takes codec and encoded frame; None is the end."""
        if item is None or not item[1].data:
            return
        codec, encoded = item
        if self._kind is TrackKind.VIDEO:
            frame = self._take_video(codec.name.lower(), encoded)
        else:
            frame = encoded_audio(codec.name.lower(), encoded.data)
            self._left_out += frame is None
        if frame is not None:
            self._kept.append(TakenFrame(encoded.timestamp, frame))
            self._bytes += len(frame.data)

    def get(self) -> None:
        """Ends aiortc's own decoder thread."""

    def take(self) -> list[TakenFrame]:
        """The frames that came since the last time, in order."""
        taken, self._kept, self._bytes = self._kept, [], 0
        return taken

    def report(self, listener: MediaListener, label: str) -> None:
        """Reports what is to be said of the stream that comes now, after its frames were taken."""
        if self._video.too_large != self._told_size:
            self._told_size = self._video.too_large
            if self._told_size is not None:
                listener.video_too_large(label, *self._told_size)
        self.requests.enabled = listener.wants(label)
        if not self.requests.enabled:
            self._video.interrupt()  # they were left out
        elif self.requests.in_vain() and self._told_size is None:
            listener.no_keyframe(label)

    def release_codec(self) -> None:
        """There is none."""

    idle = True
    """Nothing has to be waited for."""
    skipped = 0

    @property
    def full(self) -> bool:
        """Whether what is kept has to be taken before more comes."""
        return len(self._kept) >= MOST or self._bytes >= MOST_BYTES

    @property
    def undecodable(self) -> int:
        """Frames that came and were left out."""
        return self._left_out + self._video.left_out

    def _take_video(self, codec: str, encoded: VideoFrame) -> EncodedFrame | None:
        if encoded.timestamp >> STREAM_SHIFT != self._stream:
            self._stream = encoded.timestamp >> STREAM_SHIFT
            self._left_out += self._video.left_out
            self._video = EncodedVideo(self._max_pixels)
        if encoded.after_loss:
            self._video.interrupt()
        left_out = self._video.left_out
        frame = self._video.take(codec, *encoded.parts, cut=encoded.cut)
        if frame is not None:
            self.requests.accepted(keyframe=frame.keyframe)
        elif self._video.left_out > left_out:
            self.requests.need()
        return frame
