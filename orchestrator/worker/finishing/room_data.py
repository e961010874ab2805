"""At the end of a recording: what its workers wrote down of the room becomes files beside it.

What fails never fails the recording: it is an event, and the lines stay in the work folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from orchestrator.catalog.models import File, Recording
from orchestrator.errors import HavenError
from orchestrator.file_access import FileAccess
from orchestrator.monitor.usage import boot_id
from orchestrator.recordings.room_data.published import RecordingFacts, RoomData, has_lines, make
from orchestrator.recordings.room_data.raw_lines import FOLDER
from orchestrator.recordings.sidecars.files import Sidecars
from orchestrator.recordings.sidecars.names import SidecarKind, ending
from orchestrator.worker.catalog_entry import CatalogEntry

log = structlog.get_logger(__name__)


async def write(entry: CatalogEntry, files: Sequence[File], access: FileAccess) -> bool:
    """Puts them with the other sidecars; False if something is left in the work folder only."""
    if not await asyncio.to_thread(has_lines, Path(entry.recording.work_directory)):
        return True
    try:
        await _write(entry, files, access)
    except (HavenError, OSError) as error:
        problem = error.error if isinstance(error, HavenError) else str(error)
        log.warning("data of the room can't be written", problem=problem)
        kept = f"Its lines are kept in {Path(entry.recording.work_directory) / FOLDER}."
        entry.note("data", f"Data of the room can't be written: {problem} {kept}", failed=True)
        return False
    return True


async def _write(entry: CatalogEntry, files: Sequence[File], access: FileAccess) -> None:
    row = await entry.catalog.get(entry.recording.id)
    sidecars = Sidecars(entry.catalog, row, access)
    lines = Path(row.work_directory) / FOLDER / ending(SidecarKind.DATA)
    made = await asyncio.to_thread(make, _facts(row, files), lines)
    if not made.lines:
        return
    path = await sidecars.begin(SidecarKind.DATA)
    await asyncio.to_thread(lines.replace, path)
    await sidecars.appended(SidecarKind.DATA)
    for kind, name, text in _captions(made, files):
        await sidecars.write(kind, text.encode(), file_ending=name)


def _facts(row: Recording, files: Sequence[File]) -> RecordingFacts:
    parts = [{"name": Path(file.path).name, "offset_s": round(file.offset_s, 3)} for file in files]
    header = {
        "recording_id": row.id,
        "stream_id": row.stream_id,
        "started_at": row.started_at.isoformat() if row.started_at else None,
        "files": parts,
    }
    return RecordingFacts(
        work=Path(row.work_directory),
        header=header,
        boot=row.origin_boot or boot_id(),
        origin_ns=row.origin_ns,
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
