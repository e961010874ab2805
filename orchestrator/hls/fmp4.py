"""Writes one fragment of MP4 (`moof` and `mdat`) of given samples. Pure (ISO/IEC 14496-12 §8.8)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_SYNC, _NOT_SYNC = 0x0200_0000, 0x0101_0000
"""sample_depends_on, sample_is_non_sync_sample."""
_TRUN_FLAGS: Final = 0x000F01
"""Data offset; duration, size, flags and offset of composition of each sample."""
_BASE_IS_MOOF: Final = 0x02_0000


@dataclass(frozen=True, slots=True)
class Sample:
    """An encoded frame, or a packet of audio; times in its track's timescale."""

    decode: int
    shown: int
    duration: int
    sync: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class TrackRun:
    """Samples of one track in the order of decoding."""

    track: int
    samples: Sequence[Sample]


def fragment(number: int, runs: Sequence[TrackRun]) -> bytes:
    """`moof` and `mdat` of these tracks; `number`: of the fragment, from 1 on."""
    runs = [run for run in runs if run.samples]
    sizes = [sum(len(sample.data) for sample in run.samples) for run in runs]
    length = len(_moof(number, runs, [0] * len(runs)))
    offsets, at = [], length + 8
    for size in sizes:
        offsets.append(at)
        at += size
    media = b"".join(sample.data for run in runs for sample in run.samples)
    return _moof(number, runs, offsets) + _box(b"mdat", media)


def _moof(number: int, runs: Sequence[TrackRun], offsets: Sequence[int]) -> bytes:
    parts = [_traf(run, offset) for run, offset in zip(runs, offsets, strict=True)]
    return _box(b"moof", _full(b"mfhd", 0, 0, struct.pack(">I", number)), *parts)


def _traf(run: TrackRun, offset: int) -> bytes:
    first = run.samples[0]
    head = struct.pack(">Ii", len(run.samples), offset)
    entries = b"".join(
        struct.pack(
            ">IIIi",
            sample.duration,
            len(sample.data),
            _SYNC if sample.sync else _NOT_SYNC,
            sample.shown - sample.decode,
        )
        for sample in run.samples
    )
    return _box(
        b"traf",
        _full(b"tfhd", 0, _BASE_IS_MOOF, struct.pack(">I", run.track)),
        _full(b"tfdt", 1, 0, struct.pack(">Q", max(0, first.decode))),
        _full(b"trun", 1, _TRUN_FLAGS, head, entries),
    )


def _full(kind: bytes, version: int, flags: int, *contents: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *contents)


def _box(kind: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), kind) + content
