"""Deletes a recording that has ended: its files, its sidecars, its work folder and its row."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from orchestrator.catalog.encodes import Encodes
from orchestrator.catalog.ended_recordings import EndedRecordings
from orchestrator.catalog.models import Recording
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.sidecars.table import SidecarFiles
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.table import UPLOAD
from orchestrator.errors import FilesNotDeleted, StillActive
from orchestrator.recordings.output_states import ENDED
from orchestrator.recordings.sidecars.publishing import remove_sidecars
from orchestrator.recordings.states import ACTIVE


async def delete_recording(
    catalog: Catalog,
    recording_id: str,
    announce_end: Callable[[str], Awaitable[None]] | None = None,
) -> None:
    """Deletes all of it, also what encodes made of its files.

    `announce_end`: has web hooks told of an end that they don't know yet, before nobody knows it.
    Raises RecordingNotFound, StillActive while it is recorded, encoded again or uploaded, and
    FilesNotDeleted; the row stays then.
    """
    recording = await catalog.get(recording_id)
    if recording.state in ACTIVE:
        raise StillActive(
            f"Recording {recording_id} is still running.",
            "Stop it with POST /api/recording/stop, then delete it.",
        )
    encodes = Encodes(catalog)
    if (encode := await encodes.active_of(recording_id)) is not None:
        raise StillActive(
            f"Recording {recording_id} is being encoded again, or waits for it.",
            f"Cancel that with DELETE /api/encodes/{encode.id}, then delete the recording.",
        )
    await _refuse_upload(catalog, recording_id)
    if announce_end is not None:
        await announce_end(recording_id)
    files = [Path(file.path) for file in await catalog.files(recording_id)]
    files += [made.path for made in await encodes.made_files(recording_id)]
    sidecars = [Path(row.path) for row in await SidecarFiles(catalog).of_recording(recording_id)]
    if not await EndedRecordings(catalog).is_replaced(recording):
        try:
            await asyncio.to_thread(_remove_files, recording, files, sidecars)
        except OSError as error:
            raise FilesNotDeleted(
                f"{error.filename} can't be deleted: {error.strerror}.",
                f"Recording {recording_id} stays in the history; make its folder writable and "
                "delete it again.",
            ) from error
    await catalog.delete(recording_id)


async def _refuse_upload(catalog: Catalog, recording_id: str) -> None:
    """Its uploader would lose the ids of what is unfinished at the target."""
    for output in await Outputs(catalog).of_recording(recording_id):
        if output.kind == UPLOAD and output.state not in ENDED:
            raise StillActive(
                f"Recording {recording_id} is being uploaded, or waits for it.",
                f"End that with DELETE /api/recordings/{recording_id}/outputs/{output.id}, then"
                " delete the recording.",
            )


def _remove_files(recording: Recording, files: list[Path], sidecars: list[Path]) -> None:
    for path in {Path(recording.output_path), *files}:
        path.unlink(missing_ok=True)
    remove_sidecars(sidecars)
    shutil.rmtree(recording.work_directory, ignore_errors=True)
