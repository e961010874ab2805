"""Which encoded frames of a video stream can be decoded, and those as they go on. Pure.

Nothing goes on before the first keyframe, nor after a frame was left out until the next one. What
an SFU makes up doesn't go on, and nothing that would be decoded after it.
"""

from __future__ import annotations

from typing import Final

from orchestrator.media import MAX_FRAME_PIXELS, EncodedFrame
from orchestrator.sources.bitstreams.bits import Size
from orchestrator.sources.bitstreams.encoded_formats import READERS, FrameReader, ReadFrame
from orchestrator.sources.bitstreams.parameter_sets import FrameKind

LARGEST_BLANK: Final = 16
"""LiveKit sends a few 8x8 (VP8) or 2x2 (H.264) black frames when a video is muted or unpublished
(livekit-server, pkg/sfu/downtrack.go, writeBlankFrameRTP); no video is so small."""

_BLANK: Final = {
    "vp8": b"\x9d\x01\x2a\x08\x00\x08\x00",
    "h264": b"\x65\x88\x84\x0a\xf2\x62\x80\x00\xa7\xbe",
}
"""Such a frame's start code with its size, and its slice. They also end a frame of which a half was
sent when the video was muted (getVP8BlankFrame, getH264BlankFrame): that one is no frame either."""

_BLANK_BYTES: Final = 256
"""Where it is looked for: it has 31 or 50 bytes, and there may be a trailer behind it."""


class EncodedVideo:
    """The frames of one RTP stream on their way."""

    def __init__(self, max_pixels: int = MAX_FRAME_PIXELS) -> None:
        self._max_pixels = max_pixels
        self.too_large: Size | None = None
        """The video's size while it exceeds `max_pixels` and no frame goes on: whoever looks at the
        file would have to decode it."""
        self._codec = ""
        self._reader: FrameReader
        self._broken = True
        """Only a keyframe can be decoded."""
        self.left_out = 0
        """Frames that came and can't be decoded."""

    def interrupt(self) -> None:
        """A frame was left out before the next one."""
        self._broken = True

    def take(self, codec: str, *parts: bytes, cut: bool = False) -> EncodedFrame | None:
        """A frame if it can be decoded. `codec`: as in `EncodedFrame`; `parts`: its layers, none
        of them empty; `cut`: its end never came."""
        if codec != self._codec:
            self._codec, self._broken = codec, True
            self._reader = READERS[codec]()
        blank = _BLANK.get(codec)
        if blank and blank in parts[-1][-_BLANK_BYTES:]:
            self._broken = True
            return None
        try:
            frame = self._reader.take(parts)
        except ValueError:
            self._leave_out()
            return None
        if frame.kind is FrameKind.NO_SLICE:
            return None
        needs_key = self._broken and frame.kind is FrameKind.DELTA
        if cut or frame.kind is FrameKind.NO_SETS or needs_key:
            self._leave_out()
            return None
        if frame.kind is FrameKind.KEYFRAME:
            return self._keyframe(frame)
        return EncodedFrame(codec, frame.data, keyframe=False)

    def _keyframe(self, frame: ReadFrame) -> EncodedFrame | None:
        size = frame.size
        self.too_large = size if size and size[0] * size[1] > self._max_pixels else None
        if size is None or self.too_large:
            self._leave_out()
            return None
        self._broken = max(size) <= LARGEST_BLANK
        return None if self._broken else EncodedFrame(self._codec, frame.data, True, 0, *size)

    def _leave_out(self) -> None:
        self._broken = True
        self.left_out += 1
