"""One final file from its segments: choose, join or rename, probe, publish, write down.

A recording that isn't split has one part. Making a part again after a crash finds what was made.
Whatever fails, segments are kept.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from orchestrator.catalog.models import File, Recording, Segment
from orchestrator.catalog.paths import publish
from orchestrator.catalog.probe import Probe, holds_media, probe
from orchestrator.encoding.join import join
from orchestrator.encoding.mend import mended
from orchestrator.encoding.seam import Part
from orchestrator.errors import EncodingFailed, NotEnoughDisk
from orchestrator.recordings.integrity import WHOLE, Expected, Verdict, expected, verdict
from orchestrator.recordings.ledger import Ledger
from orchestrator.recordings.segments import Encoding

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Made:
    """A file that is ready to be published."""

    path: Path
    probe: Probe


def path_of(recording: Recording, number: int) -> Path:
    """The first part has the recording's own name, the others `_part2` and so on behind it."""
    output = Path(recording.output_path)
    return output if number == 1 else output.with_name(f"{output.stem}_part{number}{output.suffix}")


async def make(
    ledger: Ledger, number: int, segments: Sequence[Segment], encoding: Encoding
) -> File | None:
    """The final file of a part, of which these are all the segments; None without any media.

    EncodingFailed when it can't be joined or doesn't play, NotEnoughDisk, OSError.
    """
    recording = ledger.recording
    parts = await with_media(segments)
    target = path_of(recording, number)
    whole = _wanted(parts or [s for s in segments if s.end_s] or segments)
    if (found := await asyncio.to_thread(_published, recording, number)) is not None:
        path = target
    elif not parts:
        return None
    else:
        made = await _made(recording, parts, whole, number, encoding)
        found, path = made.probe, await asyncio.to_thread(publish, made.path, target)
    checked = verdict(found, whole)
    if checked.problem is not None and await with_media(parts):
        kept = f"Its segments are kept in {recording.work_directory}."
        checked = replace(checked, problem=f"{checked.problem} {kept}")
    file = _row(
        recording, number, segments=parts or segments, path=path, found=found, checked=checked
    )
    await ledger.surely(f"part {number}", lambda: ledger.catalog.put_file(file))
    if checked.outcome == WHOLE:
        await asyncio.to_thread(_remove, parts)
    else:
        log.warning("file is incomplete", path=str(path), problem=file.problem)
    return file


def _row(
    recording: Recording,
    number: int,
    *,
    segments: Sequence[Segment],
    path: Path,
    found: Probe,
    checked: Verdict,
) -> File:
    return File(
        recording_id=recording.id,
        number=number,
        path=str(path),
        offset_s=min((s.offset_s for s in segments if s.end_s), default=segments[0].offset_s),
        duration_s=found.duration_s,
        size_bytes=found.size_bytes,
        integrity=checked.outcome,
        problem=checked.problem,
        sha256=None,
        probe=asdict(found),
        made_at=datetime.now(UTC),
    )


def _wanted(parts: Sequence[Segment]) -> Expected:
    """Just the streams that the room had: a picture or sound that was only filler is left out."""
    # What a killed worker wrote in its last second is not counted: it may have had both.
    video = any(s.video_frames or s.outcome is None for s in parts)
    audio = any(s.audio_samples or s.outcome is None for s in parts)
    return expected(parts, video=video or not audio, audio=audio or not video)


async def _made(
    recording: Recording,
    parts: Sequence[Segment],
    wanted: Expected,
    number: int,
    encoding: Encoding,
) -> _Made:
    lone = Path(parts[0].path) if len(parts) == 1 else None
    clean = lone is not None and parts[0].outcome == "finished" and wanted.video == wanted.audio
    cramped = lone is not None and not clean and not await asyncio.to_thread(_has_room, parts)
    if lone is not None and (clean or cramped):
        # A cut segment plays up to its cut; without room for a better copy it is given as it is.
        path = lone
    else:
        await asyncio.to_thread(_need_room, parts, recording.work_directory)
        path = await _joined(recording, parts, wanted, number, encoding)
    found = await asyncio.to_thread(probe, path)
    if not found.playable and not cramped:
        raise EncodingFailed(
            f"The recorded file is damaged: {found.problem}",
            f"The segments are kept in {recording.work_directory}.",
        )
    return _Made(path, found)


async def _joined(
    recording: Recording,
    parts: Sequence[Segment],
    wanted: Expected,
    number: int,
    encoding: Encoding,
) -> Path:
    work = Path(recording.work_directory)
    joined = work / f"joined{number}{encoding.preset.segment_suffix}"
    await join(
        encoding.ffmpeg.path,
        [_part(segment) for segment in parts],
        joined,
        container=encoding.preset.container,
        keep_video=wanted.video,
        keep_audio=wanted.audio,
        tags=encoding.tags,
        log_path=joined.with_suffix(".log"),
    )
    return joined


def _part(segment: Segment) -> Part:
    closed = segment.outcome == "finished"
    return Part(Path(segment.path), segment.offset_s, segment.end_s, closed)


def size_of(parts: Sequence[Segment]) -> int:
    """Bytes of their files, and so about those of the joined one."""
    return sum(path.stat().st_size for s in parts if (path := Path(s.path)).is_file())


def _has_room(parts: Sequence[Segment]) -> bool:
    return shutil.disk_usage(Path(parts[0].path).parent).free > size_of(parts)


def _need_room(parts: Sequence[Segment], work: str) -> None:
    if _has_room(parts):
        return
    raise NotEnoughDisk(
        f"The segments ({len(parts)}) can't be joined: that needs {size_of(parts) / 2**20:.1f} MiB "
        "of free space, which aren't there.",
        f"Nothing is lost: they are kept in {work}, and each of them can be played.",
    )


def _published(recording: Recording, number: int) -> Probe | None:
    """The final file, if a worker before died after it had put it in its place.

    It is known by its tag. The first part's name is reserved, so there a preset that writes no tags
    is no obstacle; somebody else's file may have the name of a second one.
    """
    target = path_of(recording, number)
    if not target.is_file():
        return None
    found = probe(target)
    tags = {key.lower(): value for key, value in found.tags.items()}
    ours = tags.get("recording_id", recording.id if number == 1 else None) == recording.id
    return found if found.playable and ours else None


def _holds_media(path: Path) -> bool:
    if not path.is_file() or not path.stat().st_size:
        return False
    return holds_media(path) or (mended(path) and holds_media(path))


async def with_media(segments: Sequence[Segment]) -> list[Segment]:
    """Those that hold anything: an ffmpeg may have failed before it wrote a frame."""
    return [s for s in segments if await asyncio.to_thread(_holds_media, Path(s.path))]


def _remove(parts: Sequence[Segment]) -> None:
    for segment in parts:
        Path(segment.path).unlink(missing_ok=True)
