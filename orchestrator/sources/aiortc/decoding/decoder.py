"""Decodes the frames of one receiver, and keeps them until they are taken.

aiortc gives each frame to the event loop by itself: a coroutine, a task, a future and two wake-ups
for each of the eighty a second of one stream. Nobody waits for a recorder, so here frames are
taken together, a few times a second.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Final

import av
import structlog

from orchestrator.logs import Repeated
from orchestrator.media import TrackKind
from orchestrator.sources.aiortc.decoding.concealment import ConcealingDecoder, is_concealed
from orchestrator.sources.aiortc.decoding.video_decoders import video_decoder
from orchestrator.sources.bitstreams.bits import Size
from orchestrator.sources.bitstreams.frame_size import frame_size
from orchestrator.sources.decoder_threads import DecoderThreads
from orchestrator.sources.encoded_video import LARGEST_BLANK
from orchestrator.sources.received_media import MediaListener, TakenFrame

log = structlog.get_logger(__name__)

Frame = av.AudioFrame | av.VideoFrame

MATRIX: Final = {"VP8": 6, "VP9": 1, "AV1": 1, "H264": 1, "H265": 1}
"""How YUV is to be read where the bitstream doesn't say, in numbers of ITU-T H.273: VP8 is BT.601
(RFC 6386 §9.2), the others what Chromium takes them for, at every size (docs/pipelines.md)."""

_UNSPECIFIED: Final = 2

MOST_ENCODED: Final = 120
"""Encoded frames waiting to be decoded: four seconds of video; then new ones are skipped."""

MOST_ENCODED_BYTES: Final = 16 * 2**20
"""The same in bytes: four seconds of 32 Mbit/s."""

MOST_DECODED: Final = {TrackKind.VIDEO: 16, TrackKind.AUDIO: 128}
"""Frames waiting to be taken; then the decoder waits. Video is large, and Opus has frames of
2.5 ms (RFC 6716 §2.1.4)."""

MOST_DECODED_BYTES: Final = 128 * 2**20
"""The same in bytes, and one frame more: three of 8K."""

RELEASE_CODEC: Final = ("rest", None)
"""Stands in the queue of encoded frames where the codec is to be freed."""


class Decoder:
    """Stands in for a receiver's queue of encoded frames, and for what aiortc's thread does.

    That thread asks for its first encoded frame, gets the end and is over: `threads` decode.
    """

    def __init__(
        self, kind: TrackKind, behind: threading.Event, threads: DecoderThreads, max_pixels: int
    ) -> None:
        self._most_decoded = MOST_DECODED[kind]
        self._max_pixels = max_pixels
        self._behind = behind
        """aiortc asks the sender for a keyframe when this is set."""
        self._changed = threads.changed
        self._encoded: deque[tuple[Any, Any]] = deque()
        self._decoded: deque[Frame] = deque()
        self._encoded_bytes = self._decoded_bytes = 0
        self._decoding = False
        self._ended = False
        self._codec: tuple[str, Any] = ("", None)
        self._undecodable = Repeated(log.warning)
        self.undecodable = 0
        """None: what came is tried."""
        self.skipped = 0
        """Encoded frames that did not fit into the queue."""
        self.too_large: Size | None = None
        """The video's size while it exceeds `max_pixels` and nothing is decoded."""
        self._taken_size: Size | None = None
        """The same when frames were taken last."""
        self._told_size: Size | None = None
        threads.add(self)

    def put(self, item: tuple[Any, Any] | None) -> None:
        """Takes codec and encoded frame; None is the end."""
        with self._changed:
            if item is None:  # nobody waits for what is still to decode
                self._ended = True
                self._encoded.clear()
                self._encoded_bytes = 0
            elif self._ended or not item[1].data:
                return  # an empty one is an SFU's probe, which decoders take for the end
            elif not self._fits(len(item[1].data)):
                self.skipped += 1
                self._behind.set()
                return
            else:
                self._encoded.append(item)
                self._encoded_bytes += len(item[1].data)
            self._changed.notify()

    def get(self) -> None:
        """Ends aiortc's own decoder thread."""

    def release_codec(self) -> None:
        """Nothing comes for now: frees the codec once everything queued is decoded."""
        with self._changed:
            if not self._ended and not (self._encoded and self._encoded[-1] is RELEASE_CODEC):
                self._encoded.append(RELEASE_CODEC)
                self._changed.notify()

    def take(self) -> list[TakenFrame]:
        """The frames that were decoded since the last time, in order."""
        with self._changed:
            self._taken_size = self.too_large
            frames = list(self._decoded)
            self._decoded.clear()
            self._decoded_bytes = 0
            self._changed.notify()
        return [
            TakenFrame(each.pts or 0, each, is_concealed(each)) for each in frames if _is_sent(each)
        ]

    def report(self, listener: MediaListener, label: str) -> None:
        """Tells whether the video is too large, after its frames were taken."""
        if self._taken_size != self._told_size:
            self._told_size = self._taken_size
            if self._told_size is not None:
                listener.video_too_large(label, *self._told_size)

    @property
    def idle(self) -> bool:
        """Whether all that came was decoded and taken."""
        with self._changed:
            return not (self._encoded or self._decoding or self._decoded)

    def begin_nowait(self) -> bool:
        """Whether there is something to decode, and its frames fit."""
        few = len(self._decoded) < self._most_decoded and self._decoded_bytes < MOST_DECODED_BYTES
        if self._decoding or not (self._encoded and few):
            return False
        self._decoding = True
        return True

    def step(self) -> None:
        """Decodes one frame."""
        try:
            item = self._next()
            if item is RELEASE_CODEC:
                self._codec = ("", None)
            elif item is not None:
                self._decode(*item)
        finally:
            with self._changed:
                self._decoding = False

    def _next(self) -> tuple[Any, Any] | None:
        with self._changed:
            item = self._encoded.popleft() if self._encoded else None
            if item is not None and item is not RELEASE_CODEC:
                self._encoded_bytes -= len(item[1].data)
            return item

    def _fits(self, size_bytes: int) -> bool:
        fits = self._encoded_bytes + size_bytes <= MOST_ENCODED_BYTES
        return fits and len(self._encoded) < MOST_ENCODED

    def _decode(self, codec: Any, encoded: Any) -> None:
        if not self._size_is_allowed(codec.name, encoded):
            return
        if codec.name != self._codec[0]:
            self._codec = (codec.name, decoder_for(codec, self._max_pixels))
        try:
            frames = self._codec[1].decode(encoded)
        except av.FFmpegError as error:
            if isinstance(error, av.EOFError):  # it takes nothing any more
                self._codec = ("", None)
            # Else the decoder goes on with what it has, which is more than a new one would have.
            self._undecodable("a frame could not be decoded", codec=codec.name, error=str(error))
            self._behind.set()
            return
        for frame in frames:
            complete_colors(codec.name, frame)
            _use_rtp_time(codec.clockRate, frame)
        with self._changed:
            self._decoded.extend(frames)
            self._decoded_bytes += sum(size_bytes(frame) for frame in frames)

    def _size_is_allowed(self, codec: str, encoded: Any) -> bool:
        """Whether it may be decoded: nothing may from too large a keyframe on up to the next.

        No other keyframe is asked for: it would be as large.
        """
        parts = getattr(encoded, "parts", ())
        if (size := frame_size(codec, encoded.data, parts)) is not None:
            self.too_large = size if size[0] * size[1] > self._max_pixels else None
        return self.too_large is None


def _is_sent(frame: Frame) -> bool:
    """Whether a publisher sent it."""
    return isinstance(frame, av.AudioFrame) or max(frame.width, frame.height) > LARGEST_BLANK


def _use_rtp_time(clock_rate: int, frame: Frame) -> None:
    """G.722 runs at 16 kHz, its RTP clock at 8 (RFC 3551 §4.5.2)."""
    if isinstance(frame, av.AudioFrame) and frame.sample_rate == 2 * clock_rate:
        frame.pts = (frame.pts or 0) // 2


def complete_colors(codec: str, frame: Frame) -> None:
    """Sets a video frame's matrix where its bitstream doesn't."""
    if isinstance(frame, av.VideoFrame) and int(frame.colorspace) == _UNSPECIFIED:
        frame.colorspace = MATRIX.get(codec.upper(), _UNSPECIFIED)


def size_bytes(frame: Frame) -> int:
    """What a decoded frame takes in memory."""
    return sum(plane.buffer_size for plane in frame.planes)


def decoder_for(codec: Any, max_pixels: int) -> Any:
    """The decoder for an RTP codec, which takes no video of more than `max_pixels`."""
    if codec.mimeType.lower().startswith("audio/"):
        return ConcealingDecoder(codec)
    return video_decoder(codec, max_pixels)
