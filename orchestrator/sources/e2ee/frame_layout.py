"""What of an encrypted frame is encrypted, and what a server puts between. Pure.

A frame is ``clear ‖ ciphertext ‖ tag (16) ‖ IV (12) ‖ length of the IV (1) ‖ key index (1)``; the
clear bytes are authenticated too. In H.264 and H.265 all behind the clear bytes was escaped, so
that it has no start code (livekit client-sdk-js, src/e2ee/worker/FrameCryptor.ts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

IV_BYTES: Final = 12
TAG_BYTES: Final = 16
TRAILER_BYTES: Final = IV_BYTES + 2

_START: Final = b"\0\0\1"
_ESCAPED: Final = b"\0\0\3"


@dataclass(frozen=True, slots=True)
class EncryptedFrame:
    """The parts of one."""

    clear: bytes
    encrypted: memoryview
    """With the tag."""
    iv: memoryview
    key_index: int


def parts_of(codec: str, data: bytes) -> EncryptedFrame | None:
    """Those of a frame of `codec` (``VP8``, ``OPUS``, …); of VP9 it is one layer's.

    None if it is not encrypted in this way.
    """
    length = _CLEAR.get(codec, _audio)(data)
    if length is None:
        return None
    clear, body = data[:length], data[length:]
    if codec in _WITH_START_CODES and _ESCAPED in body:
        body = body.replace(_ESCAPED, _ESCAPED[:2])
    if len(body) < TAG_BYTES + TRAILER_BYTES or body[-2] != IV_BYTES:
        return None
    view = memoryview(body)
    return EncryptedFrame(clear, view[:-TRAILER_BYTES], view[-TRAILER_BYTES:-2], body[-1])


def _audio(data: bytes) -> int | None:
    """Opus: the byte that says how it is coded (RFC 6716 §3.1)."""
    return 1


def _vp8(data: bytes) -> int | None:
    """The uncompressed header (RFC 6386 §9.1)."""
    return 3 if data[0] & 1 else 10


def _vp9(data: bytes) -> int | None:
    return 0


def _slice_at(data: bytes, is_slice: Callable[[int], bool]) -> int | None:
    """Two bytes into the first slice of an Annex B byte stream."""
    at = data.find(_START)
    while 0 <= at < len(data) - 4:
        if is_slice(data[at + 3]):
            return at + 5
        at = data.find(_START, at + 3)
    return None


def _h264(data: bytes) -> int | None:
    """ITU-T H.264 table 7-1: 1 and 5."""
    return _slice_at(data, lambda byte: byte & 0x1F in (1, 5))


def _h265(data: bytes) -> int | None:
    """ITU-T H.265 table 7-1: 0 to 9 and 16 to 21."""
    return _slice_at(data, lambda byte: byte >> 1 & 0x3F in _H265_SLICES)


_H265_SLICES: Final = frozenset((*range(10), *range(16, 22)))
_WITH_START_CODES: Final = frozenset(("H264", "H265"))
_CLEAR: Final[Mapping[str, Callable[[bytes], int | None]]] = {
    "VP8": _vp8,
    "VP9": _vp9,
    "H264": _h264,
    "H265": _h265,
}

_NAL: Final = b"\0\0\0\1"

BLANKS: Final[Mapping[str, bytes]] = {
    "VP8": bytes.fromhex("1002009d012a08000800004708858588858488020200 0c0d6000feffab5080"),
    "H264": b"".join(
        _NAL + bytes.fromhex(nal)
        for nal in (
            "6742c01f0fd91f888884000003000400000300c83c60c920",
            "6887cb83cb20",
            "6588840af2628000a7be",
        )
    ),
    "OPUS": b"\xf8\xff\xfe".ljust(80, b"\0"),
}
"""What a LiveKit server sends of its own when a track is muted: 8x8 and 2x2 black, and silence
(livekit-server, pkg/sfu/downtrack.go). Nothing else is believed to come from it."""
