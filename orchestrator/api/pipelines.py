"""/api/pipelines: the presets, and the exact commands they make."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Path as InPath

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.responses import failures
from orchestrator.api.schemas.machine import (
    PictureQuery,
    PipelineDetails,
    PipelineFailure,
    Pipelines,
    PipelineSettings,
    PipelineSummary,
)
from orchestrator.api.service import Manager
from orchestrator.encoding.capabilities import FFmpeg, require
from orchestrator.encoding.pipeline import Preset, command, paste
from orchestrator.errors import InvalidRequest, PipelineBroken, Unavailable
from orchestrator.recordings.request import QUALITIES, quality_named

router = APIRouter(prefix="/api/pipelines", tags=["pipelines"])

_ERRORS = failures(
    InvalidRequest("Unknown pipeline: av2", "There are: av1, av1-svt, mp4, webm."),
    PipelineBroken("Pipeline mine is broken: /path/to/mine.py, line 12", "Mend the file."),
)


@router.get("", responses=failures(), summary="List Pipelines")
async def pipelines(manager: ManagerHere) -> Pipelines:
    """All presets that loaded, and the files that didn't, with file and line."""
    known = manager.presets
    return Pipelines(
        pipelines=[PipelineSummary(**_summary(p)) for _, p in sorted(known.presets.items())],
        failures=[
            PipelineFailure(name=f.name, file=str(f.path), line=f.line, message=f.message)
            for f in known.failures
        ],
    )


@router.get("/{name}", responses=_ERRORS, summary="Get Pipeline")
async def pipeline(
    name: Annotated[str, InPath(min_length=1, max_length=64)],
    manager: ManagerHere,
    picture: Annotated[PictureQuery, Query()],
) -> PipelineDetails:
    """One preset with the exact command it makes for a picture of this size and quality."""
    preset = manager.presets.get(name)
    chosen = quality_named(picture.quality, "quality")
    settings = PipelineSettings(
        width=picture.width,
        height=picture.height,
        quality=chosen,
        speed=preset.default_speed if picture.speed is None else picture.speed,
        video_bitrate_bps=QUALITIES[chosen].video_bps,
        audio_bitrate_bps=QUALITIES[chosen].audio_bps,
    )
    ffmpeg, problem = await _ffmpeg(manager, preset)
    argv = await asyncio.to_thread(_argv, preset, ffmpeg, settings, manager)
    return PipelineDetails(
        **_summary(preset),
        settings=settings,
        argv=argv,
        command=paste(argv),
        usable=problem is None,
        problem=problem,
    )


async def _ffmpeg(manager: Manager, preset: Preset) -> tuple[FFmpeg | None, str | None]:
    """The ffmpeg in use, and why it can't do the preset; a command can be shown without one."""
    try:
        ffmpeg = await manager.ffmpeg(preset)
    except Unavailable as error:
        return None, str(error)
    try:
        require(ffmpeg, preset)
    except Unavailable as error:
        return ffmpeg, str(error)
    return ffmpeg, None


def _argv(
    preset: Preset, ffmpeg: FFmpeg | None, settings: PipelineSettings, manager: Manager
) -> list[str]:
    return command(
        preset,
        ffmpeg=ffmpeg or "ffmpeg",
        source="input.nut",
        output=f"output{preset.segment_suffix}",
        width=settings.width,
        height=settings.height,
        video_bitrate_bps=settings.video_bitrate_bps,
        audio_bitrate_bps=settings.audio_bitrate_bps,
        speed=settings.speed,
        threads=manager.settings.encoder_threads,
    )


def _summary(preset: Preset) -> dict[str, Any]:
    return {
        "name": preset.name,
        "description": preset.description,
        "format": preset.format,
        "extension": preset.extension,
        "mime_type": preset.mime_type,
        "video_codec": preset.video_codec,
        "audio_codec": preset.audio_codec,
        "speeds": list(preset.speeds),
        "default_speed": preset.default_speed,
        "path": str(preset.path),
    }
