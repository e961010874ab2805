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
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline import Preset
from orchestrator.encoding.presets import Presets
from orchestrator.errors import (
    AlreadyActive,
    HavenError,
    InvalidRequest,
    RecordingNotFound,
    TooManyRecordings,
    Unavailable,
)
from orchestrator.media import Stream
from orchestrator.recordings.limits import Limits
from orchestrator.recordings.request import StartedBy, StartRequest, format_named, quality_named

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Meant:
    """What a request asks for, in our words."""

    preset: Preset
    video_quality: str
    audio_quality: str
    limits: Limits
    started_by: StartedBy


def meant(presets: Presets, request: StartRequest) -> Meant:
    """The preset and the two qualities; InvalidRequest or PipelineBroken otherwise."""
    video = quality_named(request.video_quality, "video_quality")
    audio = quality_named(request.audio_quality, "audio_quality")
    if request.pipeline is None:
        preset = presets.get(format_named(request.output_format))
        return Meant(preset, video, audio, request.limits, request.started_by)
    preset = presets.get(request.pipeline)
    if request.output_format and format_named(request.output_format) != preset.format:
        raise InvalidRequest(
            f"Pipeline {preset.name} makes {preset.format}, not {request.output_format}.",
            "Leave output_format out, or choose another pipeline.",
        )
    return Meant(preset, video, audio, request.limits, request.started_by)


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


async def add(catalog: Catalog, recording: Recording, most: int | None = None) -> None:
    """Writes the row, or gives the place back; AlreadyActive to whoever comes second.

    TooManyRecordings when `most` are active.

    A row that was being written when the caller is cancelled is withdrawn, and only then its
    folder: nothing in the catalog ever lacks its folder.
    """
    adding = asyncio.ensure_future(_added(catalog, recording, most))
    try:
        await asyncio.shield(adding)
    except asyncio.CancelledError:
        await asyncio.shield(_withdraw(catalog, recording, adding))
        raise


async def _added(catalog: Catalog, recording: Recording, most: int | None) -> None:
    try:
        await catalog.create(recording, most=most)
    except (AlreadyActive, TooManyRecordings):
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
