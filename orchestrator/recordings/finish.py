"""The end of a recording: its last files are made, and how it ended is written down, and why."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from orchestrator.catalog.models import File, Segment
from orchestrator.encoding.ending import telling
from orchestrator.errors import (
    EncodingFailed,
    HavenError,
    SourceError,
    StoppedWhileStarting,
)
from orchestrator.recordings import parts
from orchestrator.recordings.integrity import CUT_TOLERANCE_S, WHOLE
from orchestrator.recordings.ledger import Ledger
from orchestrator.recordings.rejoin import only_to_finish
from orchestrator.recordings.segments import Encoding
from orchestrator.recordings.states import RecordingState
from orchestrator.recordings.unlisted import list_all

log = structlog.get_logger(__name__)


async def conclude(
    ledger: Ledger, encoding: Awaitable[Encoding], reason: str | None, error: HavenError | None
) -> None:
    """Make the files of what there is, and write down how the recording ended, and why."""
    columns: dict[str, Any] = {"ended_at": datetime.now(UTC), "reason": reason}
    kept: HavenError | None = None
    try:
        files, kept = await _finished(ledger, encoding)
        columns |= _columns(files)
        if isinstance(error, SourceError | StoppedWhileStarting) and files and kept is None:
            # A worker that took over found the stream gone, or was to stop: it is all whole.
            columns["reason"], error = reason or error.error, None
    except HavenError as failure:
        left = await asyncio.to_thread(Path(ledger.recording.work_directory).exists)
        error, kept = error or failure, failure if error and left else None
    if error := error or kept:
        detail = _advice(error) if error is kept or kept is None else f"{_advice(error)} {kept}"
        columns |= {"error_code": error.code, "error": error.error, "detail": detail}
        await ledger.become(RecordingState.FAILED, **columns)
        return
    await ledger.become(RecordingState.STOPPING)
    await ledger.become(RecordingState.COMPLETED, **columns)


async def _finished(
    ledger: Ledger, encoding: Awaitable[Encoding]
) -> tuple[list[File], HavenError | None]:
    """All final files, and the first error there was; then the segments are kept."""
    async with ledger.making:
        return await _all_made(ledger, encoding)


async def _all_made(
    ledger: Ledger, encoding: Awaitable[Encoding]
) -> tuple[list[File], HavenError | None]:
    id = ledger.recording.id
    segments = await _segments(ledger, encoding)
    if not segments:
        await discard(ledger)
        raise EncodingFailed(
            "Nothing was recorded: it ended before anything was encoded.",
            "Start it again; `orchestrator recordings show ID` tells its story.",
        )
    files = await ledger.surely("the files", lambda: ledger.catalog.files(id))
    made = {file.number: file for file in files}
    errors: list[HavenError] = []
    for number in sorted({s.part for s in segments} - made.keys()):
        of_part = [s for s in segments if s.part == number]
        try:
            file = await _make_part(ledger, number, of_part, await encoding)
        except HavenError as error:
            log.error("a part is not made", part=number, error=error.error)
            errors.append(error)
        else:
            made |= {} if file is None else {number: file}
    if not made and not errors:
        raise await _nothing(ledger, segments)
    whole = all(file.integrity == WHOLE for file in made.values())
    if not errors and (whole or not await parts.with_media(segments)):
        await discard(ledger)
    return [made[number] for number in sorted(made)], errors[0] if errors else None


async def _nothing(ledger: Ledger, segments: Sequence[Segment]) -> EncodingFailed:
    """Why there is no file. What should hold more than a beginning is kept, readable or not."""
    given = [(s.offset_s, s.end_s) for s in segments if s.end_s]
    given_s = max(end for _, end in given) - min(at for at, _ in given) if given else 0.0
    if given_s > CUT_TOLERANCE_S:
        return EncodingFailed(
            f"ffmpeg wrote no readable file, though it was given {given_s:.0f} s.",
            f"What it wrote is kept in {ledger.recording.work_directory}, with its logs.",
        )
    await discard(ledger)
    return EncodingFailed(
        "Nothing was recorded: ffmpeg wrote no readable file.",
        "Its last lines stand with the segments: GET /api/recordings/{id}.",
    )


async def _segments(ledger: Ledger, encoding: Awaitable[Encoding]) -> list[Segment]:
    recording = ledger.recording
    # Another worker was before this one: it may have had no time to write down all it made.
    if recording.started_at is not None or only_to_finish(recording):
        await list_all(ledger, (await encoding).preset.segment_suffix)
    return await ledger.surely("the segments", lambda: ledger.catalog.segments(recording.id))


async def make_whole_parts(ledger: Ledger, numbers: Sequence[int], encoding: Encoding) -> None:
    """While the recording goes on: the files of these parts, as far as that can be done now.

    What fails is tried again at the end.
    """
    if not numbers:
        return
    async with ledger.making:
        id = ledger.recording.id
        try:
            made = {file.number for file in await ledger.catalog.files(id)}
            for number in (n for n in numbers if n not in made | ledger.put_off):
                segments = [s for s in await ledger.catalog.segments(id) if s.part == number]
                # One without an outcome may still be written by an ffmpeg without a worker.
                if segments and all(s.outcome for s in segments):
                    await _make_part(ledger, number, segments, encoding)
                else:
                    ledger.put_off.add(number)
        except HavenError as error:
            log.warning("parts are made at the end", parts=list(numbers), error=error.error)
            ledger.put_off.update(numbers)


async def _make_part(
    ledger: Ledger, number: int, segments: Sequence[Segment], encoding: Encoding
) -> File | None:
    """One final file; EncodingFailed or NotEnoughDisk say what is missing, and what is kept."""
    try:
        file = await parts.make(ledger, number, segments, encoding)
    except OSError as failure:
        raise EncodingFailed(
            f"The file can't be put in its place: {failure}.",
            f"The segments are kept in {ledger.recording.work_directory}.",
        ) from failure
    if file is not None:
        ledger.note("file", f"Final file: {file.path}")
        told = file.problem or f"{Path(file.path).name} is {file.integrity}."
        ledger.note("integrity", told, outcome=file.integrity)
    return file


def _columns(files: Sequence[File]) -> dict[str, Any]:
    """For the recording's row: its first file, and the length and size of all."""
    if not files:
        return {}
    durations = [file.duration_s for file in files]
    known = [duration for duration in durations if duration is not None]
    return {
        "output_path": files[0].path,
        "duration_s": sum(known) if len(known) == len(durations) else None,
        "size_bytes": sum(file.size_bytes for file in files),
        "probe": files[0].probe,
    }


async def discard(ledger: Ledger) -> None:
    """Remove the work folder: nothing in it is needed any more."""
    work = ledger.recording.work_directory
    await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)


def _advice(error: HavenError) -> str:
    if not (stderr := error.context.get("stderr")):
        return error.detail
    return f"{error.detail} Last lines of ffmpeg: {' | '.join(telling(stderr)[-5:])}"
