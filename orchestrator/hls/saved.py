"""A segment's pieces in few bytes, for when the segment itself is gone. Pure."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Final

from orchestrator.hls.pieces import Piece

_PIECE: Final = struct.Struct("<dd?")


def packed(pieces: Sequence[Piece]) -> bytes:
    """Times of the pieces, and whether each begins with a keyframe; 3 bytes each about."""
    return zlib.compress(
        b"".join(_PIECE.pack(piece.begin_s, piece.end_s, piece.independent) for piece in pieces)
    )


def unpacked(data: bytes) -> list[Piece]:
    """What `packed` was given, without fragments. ValueError if it is damaged."""
    try:
        found = list(_PIECE.iter_unpack(zlib.decompress(data)))
    except (zlib.error, struct.error) as error:
        raise ValueError(f"damaged pieces: {error}") from error
    return [Piece(number, *values) for number, values in enumerate(found)]
