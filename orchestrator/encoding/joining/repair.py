"""Repairs fragmented MP4 that was cut in the head of its last fragment, by removing that head.

A full disk or a power cut may end a file anywhere. FFmpeg reads a file whose `mdat` is cut up to
the cut, and nothing of one whose `moof` is cut (its boxes: ISO/IEC 14496-12 §4.2, §8.8.4).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO


def trim_cut_fragment(path: Path) -> bool:
    """Removes a cut `moof` from the file's end; whether there was one. Blocking; OSError."""
    with path.open("r+b") as file:
        size_bytes = file.seek(0, os.SEEK_END)
        at, kind = _last_box(file, size_bytes)
        if kind != b"moof":
            return False
        file.truncate(at)
        return True


def _last_box(file: BinaryIO, size_bytes: int) -> tuple[int, bytes | None]:
    """Offset and type of the box that the file's end cuts; type None if it cuts none."""
    at = 0
    while at + 8 <= size_bytes:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        if (at == 0 and kind != b"ftyp") or length < 8:
            break
        if at + length > size_bytes:
            return at, kind
        at += length
    return at, None
