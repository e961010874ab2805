"""What is sent behind a stream's end so that ffmpeg sends the end itself. Pure.

ffmpeg (9.0) holds a copied stream's last packet back until another one or the end of its input
comes, and at that end an SRT socket is closed before it has sent what was just written. What is
sent behind the end may be lost as well: nobody misses it.
"""

from __future__ import annotations

from typing import Final

_FILLERS: Final = {"h264": b"\x0c\x80", "hevc": b"\x4c\x01\x80"}
"""NAL units of filler data, which decoders pass over: ITU-T H.264 §7.3.2.7, H.265 §7.3.2.8."""
_LENGTH_AT: Final = {"h264": 4, "hevc": 21}
"""Where avcC and hvcC say how long a NAL unit's length is (ISO/IEC 14496-15)."""
_START: Final = b"\0\0\0\1"


def filler(codec: str, extradata: bytes) -> bytes | None:
    """A packet of a video stream that shows nothing; None where there is no such thing."""
    if (nal := _FILLERS.get(codec)) is None:
        return None
    at = _LENGTH_AT[codec]
    if extradata[:1] != b"\x01" or len(extradata) <= at:
        return _START + nal
    return len(nal).to_bytes((extradata[at] & 3) + 1, "big") + nal
