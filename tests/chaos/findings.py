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
from orchestrator.catalog.sidecars.table import SidecarFiles
from orchestrator.catalog.store import Catalog
from orchestrator.recordings.integrity import WHOLE
from orchestrator.worker.finishing.part_file import with_media
from tests.chaos.hearing import IN_STEP_S, beeps, on_the_clock, out_of_step, silences
from tests.chaos.schedule import SPARED, Kind, Track
from tests.chaos.verdict import NOTICED_S, Struck, complaint, gaps
from tests.chaos.world import FPS, HOST_TONE, World
from tests.kit.livekit.crowd import GUESTS
from tests.kit.recordings.machine import Machine
from tests.kit.signals.reading import Reading, read_every_track

SUMS_S: Final = 30.0
"""Longest wait for SHA-256 sums, which are computed when a recording has ended."""

FULL: Final = ("No space left on device", "of free disk space", "MiB are free")
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
    """From its first frame to its last."""
    faults: int = 0
    """That hit it."""
    missing_s: float = 0.0
    longest_gap_s: float = 0.0
    silent_s: float = 0.0
    """The longest gap in what is heard of anybody."""
    stalls: int = 0
    """After which beeps were looked at."""
    out_of_step_s: float = 0.0
    """The most that one of these was away from its usual place beside the frames."""
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
    guests: int

    def of(self, room: str, track: Track = Track.CAMERA) -> list[Struck]:
        """What hit a track of a room."""
        hit = (fault for fault in self.faults if fault.hit(room))
        return [fault for fault in hit if fault.what not in SPARED[track]]


async def find(world: World, known: Known) -> list[Found]:
    """All recordings of the run, the oldest first."""
    await _until_summed(world.catalog)
    rows, _ = await world.catalog.history(limit=200, offset=0)
    found = []
    for row in sorted(rows, key=lambda row: row.created_at):
        files = await world.catalog.files(row.id)
        segments = await world.catalog.segments(row.id)
        one = Found(row.id, row.stream_id, _outcome(row, files), len(files))
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
    sidecars = SidecarFiles(world.catalog)
    beside = [file for row in rows for file in await sidecars.of_recording(row.id)]
    known = {file.path for file in files} | {file.path for file in beside}
    # A failed recording, or an incomplete file, says where its segments are kept.
    reasons = " ".join(f"{row.error} {row.detail}" for row in rows)
    reasons += " ".join(file.problem or "" for file in files)
    found = [f"{path}: no recording's" for path in _media(world.machine) - known]
    return found + [left for left in world.machine.leftovers() if left.split()[-1] not in reasons]


def _media(machine: Machine) -> set[str]:
    return {str(path) for path in machine.out.iterdir() if not path.name.startswith(".")}


async def _until_summed(catalog: Catalog) -> None:
    async with asyncio.timeout(SUMS_S):
        while await catalog.files_without_checksum(limit=1):
            await asyncio.sleep(0.1)


def _outcome(row: Recording, files: Sequence[File]) -> str:
    incomplete = (file.problem for file in files if file.problem)
    return "; ".join([row.error or row.reason or "recovered", *incomplete])


def _read_all(found: Found, media: Mapping[str, bool], row: Recording, known: Known) -> None:
    """Reads the files; those that are True may end in the middle of a frame."""
    readings = [_reading(Path(path), found, cut=cut) for path, cut in media.items()]
    readings = [reading for reading in readings if reading.numbers]
    if readings:
        numbers = [number for reading in readings for number in reading.numbers]
        end_s = _count(found, numbers, row, known)
        _listen(found, readings, (numbers[0] / FPS, end_s), known)


def _ended_well(
    row: Recording, files: Sequence[File], segments: Sequence[Segment], each_s: float
) -> list[str]:
    """What is wrong with its end; a full disk may keep a file from being whole, nothing else."""
    reasons = f"{row.error} {row.detail} {row.reason}"
    if row.ended_at is None:
        return [f"it is still {row.state}"]
    if any(words in reasons for words in FULL):
        return []
    if row.state == "completed":
        return [file.problem for file in files if file.problem] if files else ["it has no file"]
    # It was struck while it began: no more is lost than a fault may cost.
    barely = max((s.end_s or 0.0 for s in segments), default=0.0) < each_s and not files
    return [] if barely else [f"it failed: {reasons}"]


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


def _reading(path: Path, found: Found, *, cut: bool) -> Reading:
    try:
        reading = read_every_track(path, cut=cut)
    except (OSError, av.FFmpegError) as error:
        found.problems.append(f"{path.name} does not play: {error}")
        return Reading()
    if not reading.in_order:
        found.problems.append(f"{path.name}: a frame comes back")
    return reading


def _count(found: Found, numbers: list[int], row: Recording, known: Known) -> float:
    """What is missing of the frames; returns when the recording had to end."""
    first_s, last_s = numbers[0] / FPS, numbers[-1] / FPS
    faults = known.of(row.stream_id)
    end_s = _end_s(row, faults, last_s, known.stopped_s)
    there = gaps(numbers, FPS, end_s)
    found.seconds = last_s - first_s
    found.faults = sum(first_s <= f.began_s <= (end_s or last_s + NOTICED_S) for f in faults)
    found.missing_s = sum(gap.missing_s for gap in there)
    found.longest_gap_s = max((gap.missing_s for gap in there), default=0.0)
    causes = [*faults, Struck("the stop", row.stream_id, known.stopped_s, known.stopped_s)]
    found.problems += filter(None, (complaint(gap, causes, known.each_s) for gap in there))
    return last_s if end_s is None else end_s


def _listen(
    found: Found, readings: Sequence[Reading], within: tuple[float, float], known: Known
) -> None:
    """What is missing of each microphone, and whether the host's is in step with the camera."""
    begin_s, end_s = within
    ends = [
        Struck(what, found.room, at_s, at_s)
        for what, at_s in (("the beginning", begin_s), ("the stop", known.stopped_s))
    ]
    microphones = {HOST_TONE: Track.MICROPHONE}
    microphones |= dict.fromkeys(GUESTS[: known.guests], Track.GUEST)
    for tone, track in microphones.items():
        heard = [span for reading in readings for span in on_the_clock(reading, tone, FPS)]
        causes = [*known.of(found.room, track), *ends]
        for gap in silences(heard, begin_s, end_s):
            found.silent_s = max(found.silent_s, gap.missing_s)
            if wrong := complaint(gap, causes, known.each_s):
                found.problems.append(f"{track} ({tone} Hz): {wrong}")
    heard_beeps = [beep for reading in readings for beep in beeps(reading, FPS)]
    hit = [fault for fault in known.faults if fault.hit(found.room)]
    for stall, after in out_of_step(heard_beeps, hit).items():
        if after and begin_s <= stall.began_s <= end_s:
            _compare(found, stall, max(after, key=abs))


def _compare(found: Found, stall: Struck, worst_s: float) -> None:
    found.stalls += 1
    found.out_of_step_s = max(found.out_of_step_s, abs(worst_s))
    if abs(worst_s) > IN_STEP_S:
        after = f"{stall.what} at {stall.began_s:.1f} s"
        found.problems.append(f"audio {worst_s:.2f} s late more than a second after {after}")


def _end_s(
    row: Recording, faults: Sequence[Struck], last_s: float, stopped_s: float
) -> float | None:
    """When the recording had to end; None where the recorder chose the moment itself."""
    if row.recovered:
        cuts = (f.began_s for f in faults if f.what == Kind.POWER_CUT and f.began_s > last_s)
        return next(cuts, None)
    return stopped_s if row.reason == "stopped" else None
