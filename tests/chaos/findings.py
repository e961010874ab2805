"""What is left after a chaos run: the files, read from end to end, the catalog and the disk."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import av

from orchestrator.catalog.models import File, Recording, Segment
from orchestrator.catalog.store import Catalog
from orchestrator.recordings.integrity import WHOLE
from orchestrator.recordings.parts import with_media
from tests.chaos.schedule import Kind
from tests.chaos.verdict import NOTICED_S, Struck, complaint, gaps
from tests.chaos.world import FPS, World
from tests.reading import read
from tests.recordings.machine import Machine

SUMS_S: Final = 30.0
"""Longest wait for SHA-256 sums, which are computed when a recording has ended."""

FULL: Final = ("No space left on device", "of free space, which aren't there", "MiB are free")
"""How a recording says that the disk was full."""


@dataclass
class Found:
    """One recording, as it is in the end."""

    id: str
    room: str
    outcome: str
    """Why it ended, and what its files lack."""
    files: int
    seconds: float = 0.0
    """From its first picture to its last."""
    faults: int = 0
    """That hit it."""
    missing_s: float = 0.0
    longest_gap_s: float = 0.0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Known:
    """What the files are compared with."""

    faults: Sequence[Struck]
    """Those that may cost something."""
    stopped_s: float
    """When the recordings that ran to the end were stopped."""
    each_s: float
    """What a fault may cost."""

    def of(self, room: str) -> list[Struck]:
        """What hit the recordings of a room."""
        return [fault for fault in self.faults if fault.hit(room)]


async def find(world: World, known: Known) -> list[Found]:
    """All recordings of the run, the oldest first."""
    await _until_summed(world.catalog)
    rows, _ = await world.catalog.history(limit=200, offset=0)
    found = []
    for row in sorted(rows, key=lambda row: row.created_at):
        files = await world.catalog.files(row.id)
        segments = await world.catalog.segments(row.id)
        one = Found(row.id, row.mint_id, _outcome(row, files), len(files))
        one.problems += _ended_well(row, files, segments, known.each_s)
        # Without a final file the segments are what there is; some may be empty.
        media = {file.path: file.integrity != WHOLE for file in files}
        kept = {segment.path: True for segment in await with_media(segments)}
        await asyncio.to_thread(_read_all, one, media or kept, row, known)
        one.problems += [problem for file in files for problem in _differs(file)]
        found.append(one)
    return found


async def disagreements(world: World) -> list[str]:
    """Where the disk holds what the catalog doesn't know, and what is left over."""
    rows, _ = await world.catalog.history(limit=200, offset=0)
    files = [file for row in rows for file in await world.catalog.files(row.id)]
    known = {file.path for file in files}
    # A failed recording, or an incomplete file, says where its segments are kept.
    told = " ".join(f"{row.error} {row.detail}" for row in rows)
    told += " ".join(file.problem or "" for file in files)
    found = [f"{path}: no recording's" for path in _media(world.machine) - known]
    return found + [left for left in world.machine.leftovers() if left.split()[-1] not in told]


def _media(machine: Machine) -> set[str]:
    return {str(path) for path in machine.out.iterdir() if not path.name.startswith(".")}


async def _until_summed(catalog: Catalog) -> None:
    async with asyncio.timeout(SUMS_S):
        while await catalog.files_without_sum(limit=1):
            await asyncio.sleep(0.1)


def _outcome(row: Recording, files: Sequence[File]) -> str:
    incomplete = (file.problem for file in files if file.problem)
    return "; ".join([row.error or row.reason or "recovered", *incomplete])


def _read_all(found: Found, media: Mapping[str, bool], row: Recording, known: Known) -> None:
    """Reads the files; those that are True may end in the middle of a frame."""
    numbers = [n for path, cut in media.items() for n in _numbers(Path(path), found, cut=cut)]
    if numbers:
        _count(found, numbers, row, known)


def _ended_well(
    row: Recording, files: Sequence[File], segments: Sequence[Segment], each_s: float
) -> list[str]:
    """What is wrong with its end; a full disk may keep a file from being whole, nothing else."""
    told = f"{row.error} {row.detail} {row.reason}"
    if row.ended_at is None:
        return [f"it is still {row.state}"]
    if any(words in told for words in FULL):
        return []
    if row.state == "completed":
        return [file.problem for file in files if file.problem] if files else ["it has no file"]
    # It was struck while it began: no more is lost than a fault may cost.
    barely = max((s.end_s or 0.0 for s in segments), default=0.0) < each_s and not files
    return [] if barely else [f"it failed: {told}"]


def _differs(file: File) -> list[str]:
    path = Path(file.path)
    if not path.is_file():
        return [f"{path.name} is not there"]
    data = path.read_bytes()
    wrong = []
    if len(data) != file.size_bytes:
        wrong.append(f"{path.name} has {len(data)} bytes, not {file.size_bytes}")
    if hashlib.sha256(data).hexdigest() != file.sha256:
        wrong.append(f"{path.name} has another SHA-256")
    return wrong


def _numbers(path: Path, found: Found, *, cut: bool) -> list[int]:
    try:
        reading = read(path, cut=cut)
    except (OSError, av.FFmpegError) as error:
        found.problems.append(f"{path.name} does not play: {error}")
        return []
    if not reading.in_order:
        found.problems.append(f"{path.name}: a picture comes back")
    return reading.numbers


def _count(found: Found, numbers: list[int], row: Recording, known: Known) -> None:
    first_s, last_s = numbers[0] / FPS, numbers[-1] / FPS
    faults = known.of(row.mint_id)
    end_s = _end_s(row, faults, last_s, known.stopped_s)
    there = gaps(numbers, FPS, end_s)
    found.seconds = last_s - first_s
    found.faults = sum(first_s <= f.began_s <= (end_s or last_s + NOTICED_S) for f in faults)
    found.missing_s = sum(gap.missing_s for gap in there)
    found.longest_gap_s = max((gap.missing_s for gap in there), default=0.0)
    causes = [*faults, Struck("the stop", row.mint_id, known.stopped_s, known.stopped_s)]
    found.problems += filter(None, (complaint(gap, causes, known.each_s) for gap in there))


def _end_s(
    row: Recording, faults: Sequence[Struck], last_s: float, stopped_s: float
) -> float | None:
    """When the recording had to end; None where the recorder chose the moment itself."""
    if row.recovered:
        cuts = (f.began_s for f in faults if f.what == Kind.POWER_CUT and f.began_s > last_s)
        return next(cuts, None)
    return stopped_s if row.reason == "stopped" else None
