"""The end of a recording: makes its last files, then writes how it ended, and why."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator.catalog.models import File, Recording, Segment
from orchestrator.encoding.process.run_result import error_lines
from orchestrator.errors import (
    EncodingFailed,
    HavenError,
    NotEnoughDisk,
    SourceError,
    StoppedWhileStarting,
)
from orchestrator.mediafiles.headroom import drop_ballast
from orchestrator.recordings.figures import LiveFigures
from orchestrator.recordings.integrity import CUT_TOLERANCE_S, WHOLE
from orchestrator.recordings.outcome import RETRY_AFTER, is_only_to_finish, stopped_early
from orchestrator.recordings.sidecars.files import sidecar_folder
from orchestrator.recordings.states import STOP_REQUESTED, RecordingState
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.finishing import part_file, room_data, sidecars
from orchestrator.worker.finishing.unlisted_segments import list_segments
from orchestrator.worker.segments.segment_encoding import SegmentEncoding

log = structlog.get_logger(__name__)

_NO_ERROR: Final = {"error_code": None, "error": None, "detail": None}
"""For a recording that was given up at the very moment when its first frames came."""

_REASONS_ONLY: Final = (SourceError, StoppedWhileStarting, NotEnoughDisk)
"""Errors that are only the reason for the end if the recording has files."""


async def conclude(
    entry: CatalogEntry,
    encoding: Awaitable[SegmentEncoding],
    reason: str | None,
    error: HavenError | None,
) -> None:
    """Make the files of all segments, and write how the recording ended, and why."""
    columns: dict[str, Any] = {"ended_at": datetime.now(UTC), "reason": reason}
    kept: HavenError | None = None
    await asyncio.to_thread(drop_ballast, Path(entry.recording.work_directory))
    try:
        files, kept = await _finished(entry, encoding)
        columns |= _columns(files) | _copied_codecs(entry.recording, files)
        if isinstance(error, _REASONS_ONLY) and files and kept is None:
            # The stream was gone, or a stop wanted, when a worker took over; or the disk is full:
            # the segments became a file.
            columns["reason"], error = reason or error.error, None
    except HavenError as failure:
        left = await asyncio.to_thread(Path(entry.recording.work_directory).exists)
        if error is None and not left and not entry.recorded and reason in STOP_REQUESTED:
            error = stopped_early(entry.recording.stream_id)
        error, kept = error or failure, failure if error and left else None
    if isinstance(error, StoppedWhileStarting) and kept is None:
        await _stopped_early(entry, columns)
    elif error := error or kept:
        detail = _advice(error) if error is kept or kept is None else f"{_advice(error)} {kept}"
        columns |= _error(error, detail) | await _retry_after(entry, error)
        await entry.change_state(RecordingState.FAILED, **columns)
    else:
        await entry.change_state(RecordingState.STOPPING)
        await entry.change_state(RecordingState.COMPLETED, **columns, **_NO_ERROR)


async def _stopped_early(entry: CatalogEntry, columns: dict[str, Any]) -> None:
    """Aborted; or failed if it was given up: its row then has the error."""
    id = entry.recording.id
    row = await entry.with_retries("why it ends", lambda: entry.catalog.get(id))
    if row.error_code is not None:
        await entry.change_state(RecordingState.FAILED, **columns)
        return
    await entry.change_state(RecordingState.STOPPING)
    columns["reason"] = "stopped before the first frame"
    await entry.change_state(RecordingState.ABORTED, **columns)


def _error(error: HavenError, detail: str) -> dict[str, Any]:
    return {"error_code": error.code, "error": error.error, "detail": detail}


async def _retry_after(entry: CatalogEntry, error: HavenError) -> dict[str, Any]:
    """How long the other side asked to wait: kept in the figures for whoever started it."""
    if (wait_s := error.context.get(RETRY_AFTER)) is None:
        return {}
    row = await entry.catalog.get(entry.recording.id)
    asked = LiveFigures(retry_after_s=wait_s).as_json()
    return {"figures": (row.figures or {}) | asked}


async def _finished(
    entry: CatalogEntry, encoding: Awaitable[SegmentEncoding]
) -> tuple[list[File], HavenError | None]:
    """All final files, and the first error; with an error the segments are kept."""
    async with entry.files_lock:
        return await _all_made(entry, encoding)


async def _all_made(
    entry: CatalogEntry, encoding: Awaitable[SegmentEncoding]
) -> tuple[list[File], HavenError | None]:
    id = entry.recording.id
    segments = await _segments(entry, encoding)
    if not segments:
        await discard(entry)
        raise EncodingFailed(
            "Nothing was recorded: the recording ended before anything was encoded.",
            "Start it again; `orchestrator recordings show ID` shows its event log.",
        )
    files = await entry.with_retries("the files", lambda: entry.catalog.files(id))
    made = {file.number: file for file in files}
    errors: list[HavenError] = []
    kept = False
    for number in sorted({s.part for s in segments} - made.keys()):
        of_part = [s for s in segments if s.part == number]
        try:
            for file in await _make_part_or_more(entry, number, of_part, await encoding):
                made[file.number] = file
        except HavenError as error:
            log.error("part not made", part=number, error=error.error)
            errors.append(error)
    if not made and not errors:
        raise await _nothing(entry, segments)
    if made:
        files, access = [made[number] for number in sorted(made)], (await encoding).file_access
        kept = not await room_data.write(entry, files, access)
        await sidecars.publish(entry, Path(files[0].path), access)
    whole = all(file.integrity == WHOLE for file in made.values())
    if not errors and not kept and (whole or not await part_file.with_media(segments)):
        await _discard_needless(entry)
    return [made[number] for number in sorted(made)], errors[0] if errors else None


async def _nothing(entry: CatalogEntry, segments: Sequence[Segment]) -> EncodingFailed:
    """Why there is no file. Segments that should hold more than a beginning are kept."""
    spans = [(s.offset_s, s.end_s) for s in segments if s.end_s]
    fed_s = max(end for _, end in spans) - min(at for at, _ in spans) if spans else 0.0
    if fed_s > CUT_TOLERANCE_S:
        return EncodingFailed(
            f"ffmpeg wrote no readable file, though it was fed {fed_s:.0f} s.",
            f"Its files are kept in {entry.recording.work_directory}, with its logs.",
        )
    await discard(entry)
    return EncodingFailed(
        "Nothing was recorded: ffmpeg wrote no readable file.",
        "See ffmpeg's last lines under `segments` in GET /api/recordings/{id}.",
    )


async def _segments(entry: CatalogEntry, encoding: Awaitable[SegmentEncoding]) -> list[Segment]:
    recording = entry.recording
    # An earlier worker may have had no time to list all its segments.
    if recording.started_at is not None or is_only_to_finish(recording):
        await list_segments(entry, (await encoding).pipeline.segment_suffix)
    return await entry.with_retries("the segments", lambda: entry.catalog.segments(recording.id))


async def make_whole_parts(
    entry: CatalogEntry, numbers: Sequence[int], encoding: SegmentEncoding
) -> None:
    """While the recording goes on: the files of these parts, as far as possible now.

    What fails is tried again at the end.
    """
    if not numbers:
        return
    async with entry.files_lock:
        id = entry.recording.id
        try:
            made = {file.number for file in await entry.catalog.files(id)}
            for number in (n for n in numbers if n not in made | entry.postponed_parts):
                segments = [s for s in await entry.catalog.segments(id) if s.part == number]
                # A segment without an outcome may still be written by an orphaned ffmpeg.
                if segments and all(s.outcome for s in segments):
                    await _make_part(entry, number, segments, encoding)
                else:
                    entry.postponed_parts.add(number)
        except HavenError as error:
            log.warning("parts postponed to the end", parts=list(numbers), error=error.error)
            entry.postponed_parts.update(numbers)


async def _make_part_or_more(
    entry: CatalogEntry, number: int, segments: Sequence[Segment], encoding: SegmentEncoding
) -> list[File]:
    """A part's file; without disk space to join its segments, a file for each of them."""
    try:
        files = [await _make_part(entry, number, segments, encoding)]
    except NotEnoughDisk as cramped:
        kept = await part_file.with_media(segments)
        if len(kept) < 2:
            raise
        entry.note("apart", f"{cramped.error} Each of them becomes a file of its own.")
        apart = await _set_apart(entry, kept)
        files = [await _make_part(entry, s.part, [s], encoding) for s in apart]
    return [file for file in files if file is not None]


async def _set_apart(entry: CatalogEntry, segments: Sequence[Segment]) -> Sequence[Segment]:
    """Gives each segment but the first a part of its own, behind all parts there are."""
    id = entry.recording.id
    rows = await entry.with_retries("the segments", lambda: entry.catalog.segments(id))
    last = max(row.part for row in rows)
    for part, segment in enumerate(segments[1:], last + 1):
        segment.part = part
        await entry.with_retries("the segments", partial(_move, entry, segment))
    return segments


async def _move(entry: CatalogEntry, segment: Segment) -> None:
    await entry.catalog.update_segment(segment.recording_id, segment.number, part=segment.part)


async def _make_part(
    entry: CatalogEntry, number: int, segments: Sequence[Segment], encoding: SegmentEncoding
) -> File | None:
    """One final file. Raises EncodingFailed or NotEnoughDisk; the segments are kept then."""
    try:
        file = await part_file.make_part_file(entry, number, segments, encoding)
    except OSError as failure:
        raise EncodingFailed(
            f"The final file can't be published: {failure}.",
            f"The segments are kept in {entry.recording.work_directory}.",
        ) from failure
    if file is not None:
        entry.note("file", f"Final file: {file.path}")
        message = file.problem or f"{Path(file.path).name} is {file.integrity}."
        entry.note("integrity", message, outcome=file.integrity)
    return file


def _columns(files: Sequence[File]) -> dict[str, Any]:
    """For the recording's row: its first file, and the duration and size of all."""
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


def _copied_codecs(recording: Recording, files: Sequence[File]) -> dict[str, Any]:
    """For the row of a recording that copied: what came, as its first file has it."""
    if recording.tracks is None or not files or files[0].probe is None:
        return {}
    found = {f"{kind}_codec": files[0].probe.get(kind) for kind in ("video", "audio")}
    return {column: stream["codec"] for column, stream in found.items() if stream}


async def discard(entry: CatalogEntry) -> None:
    """Remove the work folder: nothing in it is needed."""
    work = entry.recording.work_directory
    await sidecars.forget(entry)
    await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)


async def _discard_needless(entry: CatalogEntry) -> None:
    """Remove the work folder, or what is in it besides sidecars that had to stay."""
    kept = sidecar_folder(entry.recording)
    await asyncio.to_thread(_remove_all_but, kept)


def _remove_all_but(kept: Path) -> None:
    if not kept.exists():
        shutil.rmtree(kept.parent, ignore_errors=True)
        return
    for path in kept.parent.iterdir():
        if path.is_dir() and path != kept:
            shutil.rmtree(path, ignore_errors=True)
        elif path != kept:
            path.unlink(missing_ok=True)


def _advice(error: HavenError) -> str:
    if not (stderr := error.context.get("stderr")):
        return error.detail
    return f"{error.detail} Last lines of ffmpeg: {' | '.join(error_lines(stderr)[-5:])}"
