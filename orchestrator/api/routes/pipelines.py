"""/api/pipelines: the pipelines, and the exact commands they make."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Path as InPath

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures
from orchestrator.api.manager_protocol import Manager
from orchestrator.api.schemas.pipelines import (
    CommandQuery,
    PipelineDetails,
    PipelineFailure,
    Pipelines,
    PipelineSettings,
    PipelineSummary,
)
from orchestrator.encoding.pipeline.command import Pipeline, command, paste
from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.errors import InvalidRequest, PipelineBroken, Unavailable
from orchestrator.recordings.start_request import QUALITIES, quality_named

router = APIRouter(prefix="/api/pipelines", tags=["pipelines"])

_ERRORS = failures(
    InvalidRequest("Unknown pipeline: av2", "Use one of: av1, av1-svt, copy, mp4, webm."),
    PipelineBroken("Pipeline mine is broken: /path/to/mine.py, line 12", "Fix the file."),
)


@router.get("", responses=failures(), summary="List Pipelines")
async def pipelines(manager: ManagerHere) -> Pipelines:
    """All loaded pipelines, and the files that failed to load, with file and line."""
    known = manager.pipelines
    return Pipelines(
        pipelines=[PipelineSummary(**_summary(p)) for _, p in sorted(known.by_name.items())],
        failures=[
            PipelineFailure(name=f.name, file=str(f.path), line=f.line, message=f.message)
            for f in known.failures
        ],
    )


@router.get("/{name}", responses=_ERRORS, summary="Get Pipeline")
async def pipeline(
    name: Annotated[str, InPath(min_length=1, max_length=64)],
    manager: ManagerHere,
    query: Annotated[CommandQuery, Query()],
) -> PipelineDetails:
    """One pipeline with the exact command it makes for video of this size and quality.

    A pipeline that copies has no command.
    """
    pipeline = manager.pipelines.get(name)
    chosen = quality_named(query.quality, "quality")
    if pipeline.copies:
        return await _without_command(manager, pipeline)
    settings = PipelineSettings(
        width=query.width,
        height=query.height,
        quality=chosen,
        speed=pipeline.default_speed if query.speed is None else query.speed,
        video_bitrate_bps=QUALITIES[chosen].video_bps,
        audio_bitrate_bps=QUALITIES[chosen].audio_bps,
    )
    ffmpeg, problem = await _ffmpeg(manager, pipeline)
    argv = await asyncio.to_thread(_argv, pipeline, ffmpeg, settings, manager)
    return PipelineDetails(
        **_summary(pipeline),
        settings=settings,
        argv=argv,
        command=paste(argv),
        usable=problem is None,
        problem=problem,
    )


async def _without_command(manager: Manager, pipeline: Pipeline) -> PipelineDetails:
    _, problem = await _ffmpeg(manager, pipeline)
    return PipelineDetails(
        **_summary(pipeline),
        settings=None,
        argv=None,
        command=None,
        usable=problem is None,
        problem=problem,
    )


async def _ffmpeg(manager: Manager, pipeline: Pipeline) -> tuple[FFmpeg | None, str | None]:
    """The ffmpeg in use, and why it can't run the pipeline; the command can be shown anyway."""
    try:
        ffmpeg = await manager.ffmpeg(pipeline)
    except Unavailable as error:
        return None, str(error)
    problem = ffmpeg.problem(pipeline)
    return ffmpeg, None if problem is None else str(problem)


def _argv(
    pipeline: Pipeline, ffmpeg: FFmpeg | None, settings: PipelineSettings, manager: Manager
) -> list[str]:
    return command(
        pipeline,
        ffmpeg=ffmpeg or "ffmpeg",
        source="input.nut",
        output=f"output{pipeline.segment_suffix}",
        width=settings.width,
        height=settings.height,
        video_bitrate_bps=settings.video_bitrate_bps,
        audio_bitrate_bps=settings.audio_bitrate_bps,
        speed=settings.speed,
        threads=manager.settings.encoder_threads,
    )


def _summary(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "name": pipeline.name,
        "description": pipeline.description,
        "format": pipeline.format,
        "formats": list(pipeline.formats),
        "copies": pipeline.copies,
        "extension": pipeline.extension,
        "mime_type": pipeline.mime_type,
        "video_codec": pipeline.video_codec,
        "audio_codec": pipeline.audio_codec,
        "speeds": list(pipeline.speeds),
        "default_speed": pipeline.default_speed,
        "path": str(pipeline.path),
    }
