"""At the end of a recording: what its workers wrote down of the room becomes files beside it.

What fails never fails the recording: it is an event, and the lines stay in the work folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from orchestrator.catalog.models import File, Recording
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.catalog.sidecars.table import SidecarFiles
from orchestrator.errors import HavenError
from orchestrator.file_access import FileAccess
from orchestrator.monitor.usage import boot_id
from orchestrator.recordings.room_data.published import (
    RecordingFacts,
    RoomData,
    chapters,
    has_lines,
    make,
)
from orchestrator.recordings.room_data.raw_lines import FOLDER
from orchestrator.recordings.room_data.recording_time import FilePause, moment
from orchestrator.recordings.sidecars.files import Sidecars
from orchestrator.recordings.sidecars.names import SidecarKind, ending
from orchestrator.worker.catalog_entry import CatalogEntry

log = structlog.get_logger(__name__)


async def write(entry: CatalogEntry, files: Sequence[File], access: FileAccess) -> bool:
    """Puts them with the other sidecars; False if something is left in the work folder only."""
    if not await asyncio.to_thread(has_lines, Path(entry.recording.work_directory)):
        return True
    try:
        if not await _is_published(entry):
            await _write(entry, files, access)
    except (HavenError, OSError) as error:
        problem = error.error if isinstance(error, HavenError) else str(error)
        log.warning("data of the room can't be written", problem=problem)
        kept = f"Its lines are kept in {Path(entry.recording.work_directory) / FOLDER}."
        entry.note("data", f"Data of the room can't be written: {problem} {kept}", failed=True)
        return False
    return True


async def markers(entry: CatalogEntry) -> list[tuple[float, str]]:
    """Time in the recording in seconds, and title, of what participants marked as chapters.

    May be called before there is a file. Empty if it can't be read.
    """
    if not await asyncio.to_thread(has_lines, Path(entry.recording.work_directory)):
        return []
    try:
        row = await entry.catalog.get(entry.recording.id)
        facts = _facts(row, [], await _pauses(entry))
        return await asyncio.to_thread(chapters, facts)
    except (HavenError, OSError) as error:
        log.warning("markers of chapters can't be read", problem=str(error))
        return []


async def _is_published(entry: CatalogEntry) -> bool:
    """A worker before this one may have died when it had put all of them beside the file."""
    table, work = SidecarFiles(entry.catalog), Path(entry.recording.work_directory)
    rows = await table.of_recording(entry.recording.id, SidecarKind.DATA)
    return any(not Path(row.path).is_relative_to(work) for row in rows)


async def _write(entry: CatalogEntry, files: Sequence[File], access: FileAccess) -> None:
    row = await entry.catalog.get(entry.recording.id)
    sidecars = Sidecars(entry.catalog, row, access)
    lines = Path(row.work_directory) / FOLDER / ending(SidecarKind.DATA)
    facts = _facts(row, files, await _pauses(entry))
    made = await asyncio.to_thread(make, facts, lines)
    if not made.lines:
        return
    path = await sidecars.begin(SidecarKind.DATA)
    await asyncio.to_thread(lines.replace, path)
    await sidecars.appended(SidecarKind.DATA)
    for kind, name, text in _captions(made, files):
        await sidecars.write(kind, text.encode(), file_ending=name)


async def _pauses(entry: CatalogEntry) -> list[FilePause]:
    rows = await Pauses(entry.catalog).of_recording(entry.recording.id)
    return [FilePause(row.at_s, row.length_s, cut=row.mode == "cut") for row in rows]


def _facts(row: Recording, files: Sequence[File], pauses: Sequence[FilePause]) -> RecordingFacts:
    parts = [{"name": Path(file.path).name, "offset_s": round(file.offset_s, 3)} for file in files]
    header = {
        "recording_id": row.id,
        "stream_id": row.stream_id,
        "started_at": row.started_at and moment(round(row.started_at.timestamp() * 1000)),
        "files": parts,
    }
    return RecordingFacts(
        work=Path(row.work_directory),
        header=header,
        boot=row.origin_boot or boot_id(),
        origin_ns=row.origin_ns,
        pauses=pauses,
    )


def _captions(made: RoomData, files: Sequence[File]) -> Iterator[tuple[SidecarKind, str, str]]:
    """Kind, name behind that of the recording's file, and text; further parts have their own."""
    ends: list[float | None] = [file.offset_s for file in files[1:]]
    for file, to_s in zip(files, [*ends, None], strict=True):
        for kind, text in (
            (SidecarKind.VTT, made.captions(file.offset_s, to_s)),
            (SidecarKind.CHAT_VTT, made.chat_captions(file.offset_s, to_s)),
        ):
            if text is not None:
                part = "" if file is files[0] else f"part{file.number}."
                yield kind, f"{part}{ending(kind)}", text
