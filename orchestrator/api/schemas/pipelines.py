"""Wire types of /api/pipelines: how recordings can be made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.api.schemas.common import Wire, example, example_of
from orchestrator.api.schemas.start import Quality
from orchestrator.recordings.start_request import DEFAULT_QUALITY


class PipelineSummary(Wire):
    """A pipeline that recordings can be made with."""

    name: str
    description: str
    format: str
    """What it makes, of `formats` the default."""
    formats: list[str]
    """The words for `output_format` that it can be asked for."""
    copies: bool
    """Whether it records the frames as they come, without decoder and encoder; its codecs and its
    one speed step are `copy` then."""
    extension: str
    mime_type: str
    video_codec: str
    audio_codec: str
    speeds: list[str]
    """The encoder's speed steps, slowest and best first."""
    default_speed: int
    """Index into `speeds`."""
    path: str
    """The pipeline's file."""

    model_config = example(
        {
            "name": "av1",
            "description": "AV1 with libaom, AAC audio, in MP4.",
            "format": "av1",
            "formats": ["av1"],
            "copies": False,
            "extension": "av1",
            "mime_type": "video/mp4",
            "video_codec": "libaom-av1",
            "audio_codec": "aac",
            "speeds": ["8", "9", "10", "11"],
            "default_speed": 2,
            "path": "/path/to/pipelines/av1.py",
        }
    )


class PipelineFailure(Wire):
    """A pipeline file that doesn't load."""

    name: str
    file: str
    line: int | None
    message: str

    model_config = example(
        {
            "name": "mine",
            "file": "/path/to/pipelines/mine.py",
            "line": 12,
            "message": "NameError: name 'stream' is not defined",
        }
    )


class Pipelines(Wire):
    """All pipelines, and the files that are none."""

    success: Literal[True] = True
    pipelines: list[PipelineSummary]
    failures: list[PipelineFailure]

    model_config = example(
        {
            "success": True,
            "pipelines": [example_of(PipelineSummary)],
            "failures": [example_of(PipelineFailure)],
        }
    )


class CommandQuery(Wire):
    """The video size, quality and speed to show a command for."""

    width: int = Field(1280, ge=2, le=8192, multiple_of=2)
    """Width of the video in pixels; even."""
    height: int = Field(720, ge=2, le=8192, multiple_of=2)
    """Height of the video in pixels; even."""
    quality: Quality = DEFAULT_QUALITY
    """Determines the bit rates."""
    speed: int | None = Field(None, ge=0)
    """Index into `speeds`; else the pipeline's own."""

    model_config = example({"width": 1280, "height": 720, "quality": "high", "speed": 2})


class PipelineSettings(Wire):
    """The settings of the command; they are given as query parameters."""

    width: int
    height: int
    quality: str
    speed: int
    video_bitrate_bps: int
    audio_bitrate_bps: int

    model_config = example(
        {
            "width": 1280,
            "height": 720,
            "quality": "high",
            "speed": 2,
            "video_bitrate_bps": 2000000,
            "audio_bitrate_bps": 128000,
        }
    )


class PipelineDetails(PipelineSummary):
    """A pipeline and the exact command it makes."""

    success: Literal[True] = True
    settings: PipelineSettings | None
    """Null, as the command is, for a pipeline that copies: it has none."""
    argv: list[str] | None
    """The command as a list of arguments."""
    command: str | None
    """The command, ready to paste into a shell."""
    usable: bool
    """Whether the ffmpeg in use supports it."""
    problem: str | None
    """Why it can't be used; null if it can."""

    model_config = example(
        {
            **example_of(PipelineSummary),
            "success": True,
            "settings": example_of(PipelineSettings),
            "argv": ["/usr/bin/ffmpeg", "-hide_banner", "-i", "input.nut", "output.av1", "-y"],
            "command": "/usr/bin/ffmpeg \\\n    -hide_banner \\\n    -i input.nut output.av1 -y",
            "usable": True,
            "problem": None,
        }
    )
