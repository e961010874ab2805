"""Wire types of /api/streams and /api/pipelines: what to record, and with what."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.api.schemas.common import MINT_ID, Wire, example, example_of
from orchestrator.api.schemas.recording import Quality
from orchestrator.recordings.request import DEFAULT_QUALITY


class StreamSummary(Wire):
    """A live stream, as the directory that found it tells it; null is what it doesn't tell."""

    mint_id: str
    """What /api/recording/start wants."""
    discovery: str
    """The directory that found it."""
    name: str | None
    symbol: str | None
    num_participants: int
    is_currently_live: bool
    thumbnail: str | None
    description: str | None
    creator: str | None
    nsfw: bool

    model_config = example(
        {
            "mint_id": MINT_ID,
            "discovery": "livekit",
            "name": "Example Coin",
            "symbol": "EXC",
            "num_participants": 150,
            "is_currently_live": True,
            "thumbnail": None,
            "description": None,
            "creator": None,
            "nsfw": False,
        }
    )


class DirectoryFailure(Wire):
    """A directory whose streams are missing, and why."""

    discovery: str
    error: str
    detail: str
    """What to do."""
    code: str

    model_config = example(
        {
            "discovery": "pumpfun",
            "error": "pump.fun (frontend-api-v3.pump.fun) can't be reached: no answer in time.",
            "detail": "Check this machine's network; if that is well, pump.fun is down.",
            "code": "source_unreachable",
        }
    )


class Streams(Wire):
    """Streams that are live now, the most watched first."""

    success: Literal[True] = True
    streams: list[StreamSummary]
    count: int
    failures: list[DirectoryFailure]
    """Directories that could not be asked; empty when the list is whole."""

    model_config = example(
        {
            "success": True,
            "streams": [example_of(StreamSummary)],
            "count": 1,
            "failures": [example_of(DirectoryFailure)],
        }
    )


class PipelineSummary(Wire):
    """A preset that recordings can be encoded with."""

    name: str
    description: str
    format: str
    extension: str
    mime_type: str
    video_codec: str
    audio_codec: str
    speeds: list[str]
    """The encoder's speed steps, slowest and best first."""
    default_speed: int
    """Index into `speeds`."""
    path: str
    """The preset's file."""

    model_config = example(
        {
            "name": "av1",
            "description": "AV1 with libaom, AAC sound, in MP4.",
            "format": "av1",
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
    """A preset file that doesn't load."""

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
    """All presets, and the files that are none."""

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


class PictureQuery(Wire):
    """For what a command is to be made."""

    width: int = Field(1280, ge=2, le=8192, multiple_of=2)
    """Of the picture, in pixels; even."""
    height: int = Field(720, ge=2, le=8192, multiple_of=2)
    """Of the picture, in pixels; even."""
    quality: Quality = DEFAULT_QUALITY
    """Decides the bit rates."""
    speed: int | None = Field(None, ge=0)
    """Index into `speeds`; else the preset's own."""

    model_config = example({"width": 1280, "height": 720, "quality": "high", "speed": 2})


class PipelineSettings(Wire):
    """For what the command was made; given as query parameters."""

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
    """A preset and the exact command it makes."""

    success: Literal[True] = True
    settings: PipelineSettings
    argv: list[str]
    """The command, word for word."""
    command: str
    """The same, ready to paste into a shell."""
    usable: bool
    """Whether the ffmpeg in use has what it needs."""
    problem: str | None
    """What it lacks."""

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
