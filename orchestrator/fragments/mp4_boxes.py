"""Boxes of fragmented MP4 (ISO/IEC 14496-12): header and `moof`, parsed. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from orchestrator.fragments.fragment import NotFragmented

_NOT_SYNC: Final = 0x0001_0000
"""sample_is_non_sync_sample (§8.8.3.1)."""
_BASE_OFFSET, _BASE_IS_MOOF = 0x1, 0x2_0000
"""Flags of `tfhd` (§8.8.7)."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box within some bytes or a file: where it, its content and the next one begin."""

    kind: bytes
    at: int
    content: int
    end: int


@dataclass(frozen=True, slots=True)
class Mp4Track:
    """What a header says of a track."""

    id: int
    is_video: bool
    timescale: int
    shift_s: float
    """Added to a media time gives the time in the file (edit list, §8.6.6)."""
    default_flags: int = 0
    default_duration: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """The samples of one track in a `moof`."""

    track: int
    begin: int
    """Presentation time of the first, in the track's timescale, before edits."""
    end: int
    sync: bool
    """Whether the first one is a keyframe."""


def head(data: bytes) -> tuple[bytes, int, int] | None:
    """Kind, bytes of the head, and bytes in all of the box that begins here; None if cut short.

    A size of 0 (up to the file's end) stays 0. NotFragmented if it is no box.
    """
    if len(data) < 8:
        return None
    size, kind = struct.unpack_from(">I4s", data)
    if size == 1:
        return (kind, 16, int.from_bytes(data[8:16], "big")) if len(data) >= 16 else None
    if 0 < size < 8 or not kind.isascii():
        raise NotFragmented(f"no box of MP4: {bytes(data[:8])!r}")
    return kind, 8, size


def boxes(data: bytes | bytearray, at: int, end: int) -> Iterator[Box]:
    """Those that stand here; NotFragmented if they don't fit."""
    while at + 8 <= end:
        found = head(bytes(data[at : at + 16]))
        if found is None or found[2] < found[1] or at + found[2] > end:
            raise NotFragmented("a box reaches beyond the one around it")
        kind, head_bytes, size = found
        yield Box(kind, at, at + head_bytes, at + size)
        at += size


def tracks(moov: bytes) -> dict[int, Mp4Track]:
    """The tracks of a `moov`, by id; empty if it isn't that of a fragmented file."""
    try:
        return _tracks(moov)
    except (struct.error, IndexError, ZeroDivisionError) as error:
        raise NotFragmented(f"its header is damaged: {error}") from error


def runs(moof: bytes, known: dict[int, Mp4Track]) -> list[Run]:
    """Of a `moof`; those of tracks that the header has."""
    try:
        (whole,) = boxes(moof, 0, len(moof))
        parts = [box for box in boxes(moof, whole.content, whole.end) if box.kind == b"traf"]
        found = (_run(moof, part, known) for part in parts)
        return [run for run in found if run is not None]
    except (struct.error, IndexError, ValueError) as error:
        raise NotFragmented(f"a fragment is damaged: {error}") from error


def relative(data: bytes) -> bytes:
    """A fragment whose positions count from its own `moof`, as media source extensions want it.

    Those of files that were written without `default_base_moof` count from the file's beginning.
    """
    moof = next(boxes(data, 0, len(data)))
    heads = [
        box
        for part in boxes(data, moof.content, moof.end)
        if part.kind == b"traf"
        for box in boxes(data, part.content, part.end)
        if box.kind == b"tfhd" and _flags(data, box) & _BASE_OFFSET
    ]
    if not heads:
        return data
    return _rebased(data, moof, heads)


def _rebased(data: bytes, moof: Box, heads: list[Box]) -> bytes:
    shrunk = 8 * len(heads)
    copy = bytearray(data[: moof.end])
    for part in boxes(data, moof.content, moof.end):
        if part.kind != b"traf":
            continue
        for box in boxes(data, part.content, part.end):
            if box.kind == b"trun" and _flags(data, box) & 1:
                (offset,) = struct.unpack_from(">i", data, box.content + 8)
                struct.pack_into(">i", copy, box.content + 8, offset - shrunk)
            elif box in heads:
                flags = _flags(data, box) & ~_BASE_OFFSET | _BASE_IS_MOOF
                struct.pack_into(">I", copy, box.content, flags)
                struct.pack_into(">I", copy, box.at, box.end - box.at - 8)
                struct.pack_into(">I", copy, part.at, part.end - part.at - 8)
    struct.pack_into(">I", copy, moof.at, moof.end - moof.at - shrunk)
    for box in reversed(heads):
        del copy[box.content + 8 : box.content + 16]
    return bytes(copy) + data[moof.end :]


def _tracks(moov: bytes) -> dict[int, Mp4Track]:
    (whole,) = boxes(moov, 0, len(moov))
    content = list(boxes(moov, whole.content, whole.end))
    extends = next((box for box in content if box.kind == b"mvex"), None)
    if extends is None:
        return {}
    defaults = {}
    for box in boxes(moov, extends.content, extends.end):
        if box.kind == b"trex":
            id, _, duration, _, flags = struct.unpack_from(">5I", moov, box.content + 4)
            defaults[id] = duration, flags
    movie = next(box for box in content if box.kind == b"mvhd")
    movie_scale = _timescale(moov, movie)
    found = (_track(moov, box, movie_scale, defaults) for box in content if box.kind == b"trak")
    return {track.id: track for track in found}


def _track(
    moov: bytes, box: Box, movie_scale: int, defaults: dict[int, tuple[int, int]]
) -> Mp4Track:
    inside = {part.kind: part for part in boxes(moov, box.content, box.end)}
    header, media = inside[b"tkhd"], inside[b"mdia"]
    of_media = {part.kind: part for part in boxes(moov, media.content, media.end)}
    wide = moov[header.content] == 1
    (id,) = struct.unpack_from(">I", moov, header.content + (20 if wide else 12))
    kind = moov[of_media[b"hdlr"].content + 8 :][:4]
    timescale = _timescale(moov, of_media[b"mdhd"])
    shift_s = 0.0
    if (edits := inside.get(b"edts")) is not None:
        shift_s = _shift_s(moov, edits, movie_scale, timescale)
    duration, flags = defaults.get(id, (0, 0))
    return Mp4Track(id, kind == b"vide", timescale, shift_s, flags, duration)


def _timescale(moov: bytes, box: Box) -> int:
    """Of `mvhd` and `mdhd`, which begin alike."""
    (scale,) = struct.unpack_from(">I", moov, box.content + (20 if moov[box.content] == 1 else 12))
    if not scale:
        raise NotFragmented("a timescale is 0")
    return int(scale)


def _shift_s(moov: bytes, edits: Box, movie_scale: int, timescale: int) -> float:
    """Empty edits before the first one that isn't, less where that begins in the media."""
    (listed,) = boxes(moov, edits.content, edits.end)
    version = moov[listed.content]
    (count,) = struct.unpack_from(">I", moov, listed.content + 4)
    form = struct.Struct(">Qqi" if version == 1 else ">Iii")
    shift_s = 0.0
    for number in range(min(count, 16)):
        at = listed.content + 8 + number * form.size
        duration, media_time, _ = form.unpack_from(moov, at)
        if media_time >= 0:
            return shift_s - float(media_time) / timescale
        shift_s += float(duration) / movie_scale
    return shift_s


def _flags(data: bytes, box: Box) -> int:
    return int.from_bytes(data[box.content + 1 : box.content + 4], "big")


def _run(moof: bytes, part: Box, known: dict[int, Mp4Track]) -> Run | None:
    inside = list(boxes(moof, part.content, part.end))
    header = next(box for box in inside if box.kind == b"tfhd")
    (id,) = struct.unpack_from(">I", moof, header.content + 4)
    if (track := known.get(id)) is None:
        return None
    duration, sample_flags = _defaults(moof, header, track)
    time = next(box for box in inside if box.kind == b"tfdt")
    wide = moof[time.content] == 1
    (decode,) = struct.unpack_from(">Q" if wide else ">I", moof, time.content + 4)
    samples = [box for box in inside if box.kind == b"trun"]
    length, first, sync, begun = 0, 0, True, False
    for box in samples:
        run = _samples(moof, box, duration, sample_flags)
        if run is None:
            continue
        if not begun:
            first, sync, begun = run[1], not run[2] & _NOT_SYNC, True
        length += run[0]
    return Run(id, decode + first, decode + first + length, sync) if begun else None


def _defaults(moof: bytes, header: Box, track: Mp4Track) -> tuple[int, int]:
    """Duration and flags of samples that don't say otherwise."""
    flags, at = _flags(moof, header), header.content + 8
    at += 8 * bool(flags & _BASE_OFFSET) + 4 * bool(flags & 0x2)
    duration, sample_flags = track.default_duration, track.default_flags
    if flags & 0x8:
        (duration,) = struct.unpack_from(">I", moof, at)
        at += 4
    at += 4 * bool(flags & 0x10)
    if flags & 0x20:
        (sample_flags,) = struct.unpack_from(">I", moof, at)
    return duration, sample_flags


def _samples(
    moof: bytes, box: Box, default_duration: int, default_flags: int
) -> tuple[int, int, int] | None:
    """How long they last in all, and the first one's offset of composition and flags."""
    flags = _flags(moof, box)
    (count,) = struct.unpack_from(">I", moof, box.content + 4)
    if not count:
        return None
    at = box.content + 8 + 4 * bool(flags & 0x1)
    first_flags = default_flags
    if flags & 0x4:
        (first_flags,) = struct.unpack_from(">I", moof, at)
        at += 4
    fields = [bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800)]
    each = sum(fields)
    if at + 4 * each * count > box.end:
        raise NotFragmented("samples reach beyond their box")
    values = struct.unpack_from(f">{each * count}I", moof, at)
    length = sum(values[::each]) if fields[0] else default_duration * count
    if fields[2] and not flags & 0x4:
        first_flags = values[sum(fields[:2])]
    offset = values[each - 1] if fields[3] else 0
    return length, offset - (1 << 32) * (offset >= 1 << 31), first_flags
