"""Moves the index of a finished MP4 from its end to its beginning, without rewriting the media.

A player that can't ask for ranges shows nothing before it has the index (`moov`). ffmpeg's own
``+faststart`` writes the whole file twice; here the file system inserts space at its beginning
(fallocate(2), FALLOC_FL_INSERT_RANGE: ext4 and XFS) and the index is moved there, whatever the
file's size. What a crash leaves in between is put back by `restored`, as the old index stays until
the new one is on the disk. Boxes: ISO/IEC 14496-12 §4.2, §8.7.5 (chunk offsets).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from orchestrator.fragments.mp4_boxes import Box

_INSERT_RANGE: Final = 0x20
_COLLAPSE_RANGE: Final = 0x08
"""linux/falloc.h"""

MOST_INDEX_BYTES: Final = 256 * 2**20
"""A larger index is not moved: it would have to be held in memory."""

_MOST_BLOCK_BYTES: Final = 2**20
_CONTAINERS: Final = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl"))
_BEFORE_INDEX: Final = frozenset((b"ftyp", b"free", b"skip", b"wide", b"mdat", b"uuid"))
"""Boxes that hold no offsets into the file."""


def move_index(path: Path) -> bool:
    """Moves the index to the beginning; False if that isn't possible here. Blocking; OSError.

    The file must be closed, and nobody may read it meanwhile.
    """
    with path.open("r+b", buffering=0) as file:
        descriptor = file.fileno()
        boxes = _boxes(descriptor, 0)
        if boxes is None or not _ends_with_index(boxes):
            return False
        index, first = boxes[-1], boxes[0]
        block = os.fstat(descriptor).st_blksize
        if not 0 < block <= _MOST_BLOCK_BYTES or index.end - index.at > MOST_INDEX_BYTES:
            return False
        inserted_bytes = -(-(index.end - index.at + 8) // block) * block
        moved = shifted(os.pread(descriptor, index.end - index.at, index.at), inserted_bytes)
        if moved is None or not _allocate(descriptor, _INSERT_RANGE, inserted_bytes):
            return False
        begin = os.pread(descriptor, first.end, inserted_bytes) + moved
        free = struct.pack(">I4s", inserted_bytes + first.end - len(begin), b"free")
        # Its first bytes last: until then the file can't be mistaken for a complete one.
        _write(descriptor, (begin + free)[8:], 8)
        os.fsync(descriptor)
        _write(descriptor, begin[:8], 0)
        os.fsync(descriptor)
        os.ftruncate(descriptor, index.at + inserted_bytes)
        return True


def restored(path: Path) -> bool:
    """Undoes a `move_index` that a crash interrupted; whether there was one. Blocking; OSError.

    For files that can't be read: what stands before the old beginning is taken out.
    """
    with path.open("r+b", buffering=0) as file:
        descriptor = file.fileno()
        status = os.fstat(descriptor)
        block = status.st_blksize
        if not 0 < block <= _MOST_BLOCK_BYTES:
            return False
        for at in range(block, min(status.st_size, MOST_INDEX_BYTES + 2 * block), block):
            if os.pread(descriptor, 4, at + 4) != b"ftyp":
                continue
            boxes = _boxes(descriptor, at)
            if boxes is not None and _ends_with_index(boxes):
                return _allocate(descriptor, _COLLAPSE_RANGE, at)
    return False


def shifted(index: bytes, by: int) -> bytes | None:
    """The index (a `moov` box) for media that lie `by` bytes further on.

    None if it is damaged, or an offset would need more than the 32 bits it has.
    """
    copy = bytearray(index)
    try:
        for table in _offset_tables(copy, 0, len(copy)):
            (count,) = struct.unpack_from(">I", copy, table.content + 4)
            wide = table.kind == b"co64"
            offsets = np.frombuffer(copy, ">u8" if wide else ">u4", count, table.content + 8)
            if table.content + 8 + offsets.nbytes > table.end:
                return None
            moved = offsets.astype(np.uint64) + np.uint64(by)
            if not wide and count and int(moved.max()) > 0xFFFF_FFFF:
                return None
            offsets[:] = moved.astype(offsets.dtype)
    except (struct.error, ValueError):
        return None
    return bytes(copy)


def _offset_tables(data: bytearray, at: int, end: int) -> Iterator[Box]:
    """The `stco` and `co64` boxes; struct.error or ValueError if boxes don't fit each other."""
    while at < end:
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8 or at + size > end:
            raise ValueError("a box reaches beyond the one around it")
        if kind in _CONTAINERS:
            yield from _offset_tables(data, at + 8, at + size)
        elif kind in (b"stco", b"co64"):
            yield Box(kind, at, at + 8, at + size)
        at += size


def _ends_with_index(boxes: list[Box]) -> bool:
    """Whether it is an MP4 whose index, and nothing else that holds offsets, is at its end."""
    *before, last = boxes
    kinds = {box.kind for box in before}
    whole = before and before[0].kind == b"ftyp" and last.kind == b"moov"
    return bool(whole) and kinds <= _BEFORE_INDEX


def _boxes(descriptor: int, at: int) -> list[Box] | None:
    """All boxes from a position to the file's end, relative to it; None if they don't fit."""
    found: list[Box] = []
    begin, size_bytes = at, os.fstat(descriptor).st_size
    while at < size_bytes:
        head = os.pread(descriptor, 16, at)
        if len(head) < 8 or len(found) >= 64:
            return None
        length, kind = struct.unpack_from(">I4s", head)
        content = at + 8
        if length == 1 and len(head) == 16:
            length, content = int.from_bytes(head[8:], "big"), at + 16
        if at + length > size_bytes or at + length < content:
            return None
        found.append(Box(kind, at - begin, content - begin, at + length - begin))
        at += length
    return found or None


def _write(descriptor: int, data: bytes, at: int) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], at + written)


def _allocate(descriptor: int, mode: int, length: int) -> bool:
    """fallocate(2) at the file's beginning; False where the file system can't."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    fallocate = getattr(libc, "fallocate64", None) or libc.fallocate
    fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return bool(fallocate(descriptor, mode, 0, length) == 0)
