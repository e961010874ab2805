"""Settings of ffmpeg, pipelines, and what recordings may use of the machine."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from orchestrator.settings.value_types import (
    FFMPEG_ENVIRONMENT,
    AnyPath,
    Folder,
    Listed,
    Variable,
)


class EncodingSettings(BaseModel):
    """ffmpeg, pipelines and capacity."""

    ffmpeg: AnyPath | None = Field(
        None,
        description="ffmpeg to use; if empty, the one on PATH if it has every encoder needed, else "
        "the bundled one.",
    )
    ffmpeg_environment: Annotated[list[Variable], Listed] = Field(
        list(FFMPEG_ENVIRONMENT),
        description="Environment variables passed to ffmpeg; LC_* means all that begin with LC_. "
        "ORCHESTRATOR_* is never passed, and a pattern with * skips names that look like a key or "
        "a secret.",
    )
    pipelines_directory: Folder | None = Field(
        None,
        description="Folder with your own pipelines; one named like a built-in one replaces it.",
    )
    layouts_directory: Folder | None = Field(
        None,
        description="Folder with your own layouts; one named like a built-in one replaces it.",
    )
    encoder_threads: int = Field(
        0, ge=0, le=256, description="Threads per encoder; 0: as few as keep up in real time."
    )
    cpu_limit: float = Field(
        0.85,
        gt=0,
        le=10,
        description="Share of the available cores that all recordings together may use.",
    )
    speed_step: Literal["auto", "default"] | Annotated[int, Field(ge=0, le=99)] = Field(
        "auto",
        description="Speed step of encoders: auto (the slowest that the machine has capacity for), "
        "default (the pipeline's own) or a number from 0 (slowest).",
    )
    calibrate_at_start: bool = Field(
        True,
        description="Measure once what encoding costs on this machine, while the server is idle.",
    )
    when_full: Literal["refuse", "copy"] = Field(
        "refuse",
        description="What happens to a start that the machine has no capacity to encode: refuse "
        "it, or copy (record the frames as they come, and encode them to what was asked for when "
        "the recording has ended).",
    )
    copy_keyframe_interval_s: float = Field(
        4.0,
        ge=0.5,
        le=60,
        description="How often a recording that copies asks its publisher for a keyframe, in "
        "seconds: a player can seek to each of them.",
    )
    worker_in_reserve: bool = Field(
        True,
        description="Keep a process ready that has imported all that workers need and forks them: "
        "they start sooner and share memory. Without it each starts alone.",
    )
    queue_bytes: int = Field(
        96 * 2**20,
        ge=8 * 2**20,
        description="Most memory for raw frames that wait for one ffmpeg, in bytes.",
    )
    max_restarts: int = Field(
        5,
        ge=0,
        description="The recording fails when ffmpeg fails more often than this within five "
        "minutes.",
    )
