"""Which encoded frames of a video stream can be decoded, and those as they go on. Pure.

Nothing goes on before the first keyframe, nor after a frame was left out until the next one. What
an SFU makes up doesn't go on, and nothing that would be decoded after it.
"""

from __future__ import annotations

from typing import Final

from orchestrator.media import MAX_FRAME_PIXELS, EncodedFrame
from orchestrator.sources.frame_size import Size, frame_size
from orchestrator.sources.parameter_sets import FrameKind, ParameterSets

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
        self._sets = ParameterSets()
        self._codec = ""
        self._broken = True
        """Only a keyframe can be decoded."""
        self.left_out = 0
        """Frames that came and can't be decoded."""

    def interrupt(self) -> None:
        """A frame was left out before the next one."""
        self._broken = True

    def take(self, codec: str, data: bytes, *, cut: bool = False) -> EncodedFrame | None:
        """A frame of ``vp8`` or ``h264`` if it can be decoded; `cut`: its end never came."""
        if codec != self._codec:
            self._codec, self._broken = codec, True
        kind, data = self._sets.take(data) if codec == "h264" else (_kind_of_vp8(data), data)
        if kind is FrameKind.NO_SLICE:
            return None
        if _BLANK[codec] in data[-_BLANK_BYTES:]:
            self._broken = True
            return None
        if cut or kind is FrameKind.NO_SETS or (self._broken and kind is FrameKind.DELTA):
            self._leave_out()
            return None
        return self._keyframe(codec, data) if kind is FrameKind.KEYFRAME else _delta(codec, data)

    def _keyframe(self, codec: str, data: bytes) -> EncodedFrame | None:
        size = frame_size(codec, data)
        self.too_large = size if size and size[0] * size[1] > self._max_pixels else None
        if size is None or self.too_large:
            self._leave_out()
            return None
        self._broken = max(size) <= LARGEST_BLANK
        return None if self._broken else EncodedFrame(codec, data, True, 0, *size)

    def _leave_out(self) -> None:
        self._broken = True
        self.left_out += 1


def _kind_of_vp8(data: bytes) -> FrameKind:
    return FrameKind.DELTA if data[0] & 1 else FrameKind.KEYFRAME  # RFC 6386 §9.1


def _delta(codec: str, data: bytes) -> EncodedFrame:
    return EncodedFrame(codec, data, keyframe=False)
