"""A segment's pieces in few bytes, for when the segment itself is gone. Pure."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from orchestrator.fragments.mp4_boxes import boxes
from orchestrator.hls.pieces import Piece

_PIECE: Final = struct.Struct("<dd?BB")
_GAP: Final = 1
_MIXED: Final = 2


def packed(pieces: Sequence[Piece]) -> bytes:
    """Times of the pieces, whether each begins with a keyframe, behind a gap and is mixed, and its
    header's number; 3 bytes each about.
    """
    return zlib.compress(
        b"".join(
            _PIECE.pack(
                piece.begin_s,
                piece.end_s,
                piece.independent,
                _GAP * piece.gap | _MIXED * piece.mixed,
                piece.header,
            )
            for piece in pieces
        )
    )


def unpacked(data: bytes) -> list[Piece]:
    """What `packed` was given, without fragments. ValueError if it is damaged."""
    try:
        found = list(_PIECE.iter_unpack(zlib.decompress(data)))
    except (zlib.error, struct.error) as error:
        raise ValueError(f"damaged pieces: {error}") from error
    return [
        Piece(
            number,
            begin_s,
            end_s,
            independent,
            gap=bool(flags & _GAP),
            mixed=bool(flags & _MIXED),
            header=header,
        )
        for number, (begin_s, end_s, independent, flags, header) in enumerate(found)
    ]


def headers(data: bytes) -> list[bytes]:
    """Of headers that stand one behind the other, each from its `ftyp` on.

    ValueError if they are damaged.
    """
    if not data.startswith(b"ftyp", 4):
        raise ValueError("damaged headers")
    begins = [box.at for box in boxes(data, 0, len(data)) if box.kind == b"ftyp"]
    return [data[begin:end] for begin, end in pairwise([*begins, len(data)])]
