"""The row of a new recording: made of a prepared request, admitted and put into the catalog."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from orchestrator.capacity.admission import Capacity, admit_recording
from orchestrator.capacity.push_use import with_pushes
from orchestrator.catalog.models import Recording
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.reservations import Admit
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.errors import (
    AlreadyActive,
    HavenError,
    NoCapacity,
    RecordingNotFound,
    TooManyRecordings,
    Unavailable,
)
from orchestrator.media import Stream
from orchestrator.mediafiles.paths import Place
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.start_request import SELECTED
from orchestrator.server.outputs.push_check import push_kind
from orchestrator.server.request_check import CheckedRequest
from orchestrator.server.when_full import one_or_the_other

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """All that admission decides by, and that the row is made of."""

    checked: CheckedRequest
    stream: Stream
    """The live stream, with what its directory knows of its video."""
    capacity: Capacity
    place: Place
    """The file name, reserved on the disk."""
    created_at: datetime
    sealed_keys: str | None = None
    """Those of an end-to-end encrypted stream."""
    outputs: Sequence[OutputRow] = ()
    """Their rows, which don't name the recording yet."""
    webhooks: str | None = None
    """Those of the request, sealed."""


async def admit(catalog: Catalog, prepared: PreparedRequest, most: int | None) -> Recording:
    """The row, in the catalog, with its CPU reserved: one transaction decides and creates it.

    Raises TooManyRecordings beyond `most` recordings, NoCapacity, and AlreadyActive to whoever
    comes second.
    """
    recording = recording_row(prepared)
    for row in prepared.outputs:
        row.recording_id = recording.id
    await add_recording(catalog, recording, _admission(prepared, most), prepared.outputs)
    return recording


def _admission(prepared: PreparedRequest, most: int | None) -> Admit:
    """As asked for; or, if the request may be that, as a copy where there is no capacity."""
    admit = _as_asked_or_copied(prepared, most)
    kinds = [push_kind(row) for row in prepared.outputs if row.kind == "push"]
    return with_pushes(admit, prepared.capacity, kinds) if kinds else admit


def _as_asked_or_copied(prepared: PreparedRequest, most: int | None) -> Admit:
    checked, capacity = prepared.checked, prepared.capacity
    as_asked = admit_recording(capacity, checked.pipeline, checked.speed_step, most)
    instead = checked.instead
    if instead is None or instead.pipeline.name not in capacity.pipelines:
        return as_asked
    copied = admit_recording(capacity, instead.pipeline, None, most)
    output = prepared.place.output.with_suffix(f".{instead.pipeline.extension}")
    return one_or_the_other(
        (as_asked, _columns(checked.pipeline, checked.encode, prepared.place.output)),
        (
            copied,
            _columns(instead.pipeline, instead.encode, output)
            | {"tracks": SELECTED, "instead_of": checked.pipeline.name},
        ),
    )


def _columns(pipeline: Pipeline, encode: EncodeOptions | None, output: Path) -> dict[str, Any]:
    """What a row says of how it is made."""
    return {
        "output_format": pipeline.format,
        "pipeline": pipeline.name,
        "video_codec": pipeline.video_codec,
        "audio_codec": pipeline.audio_codec,
        "output_path": str(output),
        "encode": encode.as_dict() if encode else None,
        "tracks": None,
        "instead_of": None,
    }


def recording_row(prepared: PreparedRequest) -> Recording:
    """The new recording's row, not yet in the catalog."""
    checked = prepared.checked
    columns = _columns(checked.pipeline, checked.encode, prepared.place.output)
    return Recording(
        id=uuid.uuid4().hex,
        stream_id=prepared.stream.id,
        stream=asdict(prepared.stream),
        video_quality=checked.video_quality,
        audio_quality=checked.audio_quality,
        work_directory=str(prepared.place.work),
        limits=checked.limits.as_dict(),
        started_by=checked.started_by.value,
        created_at=prepared.created_at,
        e2ee=prepared.sealed_keys,
        webhooks=prepared.webhooks,
        data=checked.data,
        hide_recording=checked.hide_recording,
        **(columns | {"tracks": checked.tracks}),
    )


async def add_recording(
    catalog: Catalog,
    recording: Recording,
    admit: Admit | None = None,
    outputs: Sequence[OutputRow] = (),
) -> None:
    """Writes the row, and those of its outputs, into the catalog; if that fails, removes its work
    folder.

    Raises AlreadyActive if the stream is being recorded, and what `admit` raises (Catalog.create).

    If the caller is cancelled while the row is being written, first the row is removed and then
    its folder: no row in the catalog ever lacks its folder.
    """
    adding = asyncio.ensure_future(_create_row(catalog, recording, admit, outputs))
    try:
        await asyncio.shield(adding)
    except asyncio.CancelledError:
        await asyncio.shield(_withdraw(catalog, recording, adding))
        raise


async def _create_row(
    catalog: Catalog, recording: Recording, admit: Admit | None, outputs: Sequence[OutputRow]
) -> None:
    try:
        await catalog.create(recording, admit=admit, beside=outputs)
    except (AlreadyActive, TooManyRecordings, NoCapacity):
        await _give_back(recording)
        raise
    except HavenError:
        # A database in trouble may say so after it has committed.
        if await _is_unknown(catalog, recording.id):
            await _give_back(recording)
        raise


async def _withdraw(catalog: Catalog, recording: Recording, adding: asyncio.Future[None]) -> None:
    """Undoes what `adding` does. A row that can't be removed now keeps its folder."""
    try:
        await adding
    except HavenError:
        return  # `_create_row` has cleaned up
    try:
        await catalog.delete(recording.id)
    except HavenError as error:
        log.warning(
            "could not remove the cancelled recording from the catalog",
            recording=recording.id,
            error=error.error,
        )
        return
    await _give_back(recording)


async def _is_unknown(catalog: Catalog, id: str) -> bool:
    try:
        await catalog.get(id)
    except RecordingNotFound:
        return True
    except Unavailable as error:
        log.warning("can't tell whether the row was written", recording=id, error=error.error)
    return False


async def _give_back(recording: Recording) -> None:
    await asyncio.to_thread(shutil.rmtree, recording.work_directory, ignore_errors=True)
