"""From a request to a recording's row: what was meant, and the place it is given."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.paths import Place
from orchestrator.catalog.store import Admit, Catalog
from orchestrator.encoding.pipeline import Preset
from orchestrator.encoding.presets import Presets
from orchestrator.errors import (
    AlreadyActive,
    HavenError,
    InvalidRequest,
    NoCapacity,
    RecordingNotFound,
    TooManyRecordings,
    Unavailable,
)
from orchestrator.media import Stream
from orchestrator.recordings.admission import pinned_step
from orchestrator.recordings.limits import Limits
from orchestrator.recordings.request import StartedBy, StartRequest, format_named, quality_named
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Meant:
    """What a request asks for, in our words."""

    preset: Preset
    video_quality: str
    audio_quality: str
    limits: Limits
    started_by: StartedBy
    pinned: int | None
    """The speed step to keep to; None leaves it to what fits."""


def meant(presets: Presets, request: StartRequest, settings: Settings) -> Meant:
    """The preset and the two qualities; InvalidRequest or PipelineBroken otherwise."""
    video = quality_named(request.video_quality, "video_quality")
    audio = quality_named(request.audio_quality, "audio_quality")
    preset = presets.get(request.pipeline or format_named(request.output_format))
    if (
        request.pipeline
        and request.output_format
        and format_named(request.output_format) != preset.format
    ):
        raise InvalidRequest(
            f"Pipeline {preset.name} makes {preset.format}, not {request.output_format}.",
            "Leave output_format out, or choose another pipeline.",
        )
    pinned = pinned_step(settings, preset, request.speed_step)
    return Meant(preset, video, audio, request.limits, request.started_by, pinned)


def new_recording(stream: Stream, asked: Meant, place: Place, now: datetime) -> Recording:
    """Its row, not yet in the catalog."""
    preset = asked.preset
    return Recording(
        id=uuid.uuid4().hex,
        mint_id=stream.id,
        stream=asdict(stream),
        output_format=preset.format,
        pipeline=preset.name,
        video_quality=asked.video_quality,
        audio_quality=asked.audio_quality,
        video_codec=preset.video_codec,
        audio_codec=preset.audio_codec,
        output_path=str(place.output),
        work_directory=str(place.work),
        limits=asked.limits.as_dict(),
        started_by=asked.started_by.value,
        created_at=now,
    )


async def add(catalog: Catalog, recording: Recording, admit: Admit | None = None) -> None:
    """Writes the row, or gives the place back; AlreadyActive to whoever comes second.

    Raises what `admit` raises (Catalog.create).

    A row that was being written when the caller is cancelled is withdrawn, and only then its
    folder: nothing in the catalog ever lacks its folder.
    """
    adding = asyncio.ensure_future(_added(catalog, recording, admit))
    try:
        await asyncio.shield(adding)
    except asyncio.CancelledError:
        await asyncio.shield(_withdraw(catalog, recording, adding))
        raise


async def _added(catalog: Catalog, recording: Recording, admit: Admit | None) -> None:
    try:
        await catalog.create(recording, admit=admit)
    except (AlreadyActive, TooManyRecordings, NoCapacity):
        await _give_back(recording)
        raise
    except HavenError:
        # A database in trouble may say so after it has committed.
        if await _is_unknown(catalog, recording.id):
            await _give_back(recording)
        raise


async def _withdraw(catalog: Catalog, recording: Recording, adding: asyncio.Future[None]) -> None:
    """Undo what `adding` will have done. A row that can't be removed now keeps its folder."""
    try:
        await adding
        await catalog.delete(recording.id)
    except HavenError as error:
        log.info("not withdrawn", recording=recording.id, error=error.error)
        return
    await _give_back(recording)


async def _is_unknown(catalog: Catalog, id: str) -> bool:
    try:
        await catalog.get(id)
    except RecordingNotFound:
        return True
    except Unavailable as error:
        log.warning("can't tell whether it was written", recording=id, error=error.error)
    return False


async def _give_back(recording: Recording) -> None:
    await asyncio.to_thread(shutil.rmtree, recording.work_directory, ignore_errors=True)
