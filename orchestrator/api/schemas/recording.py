"""Wire types of /api/recording: the Recording API document's, with what the desktop app adds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from orchestrator.api.schemas.common import (
    MINT_ID,
    OUTPUT_PATH,
    RECORDING_ID,
    Moment,
    Wire,
    example,
    example_of,
)
from orchestrator.recordings.request import DEFAULT_FORMAT, DEFAULT_QUALITY

MintId = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A stream's id: no control characters, whatever else the platform uses."""

Quality = Literal["low", "medium", "high", "best"]
"""`best` is what newer builds of the app call `high`."""


class StartBody(Wire):
    """Which stream to record, and how."""

    mint_id: MintId
    """The stream: what GET /api/streams calls `mint_id`; of a LiveKit server the room's name."""
    output_format: str | None = Field(DEFAULT_FORMAT, max_length=64)
    """av1, mp4 or webm; h264 is understood as mp4, vp9 as webm."""
    video_quality: Quality = DEFAULT_QUALITY
    """Decides the bit rate of the picture; GET /api/recording/formats lists them."""
    audio_quality: Quality = DEFAULT_QUALITY
    """Decides the bit rate of the sound."""
    output_directory: str | None = Field(None, max_length=4096)
    """Folder for this file; else the one that GET /api/recording/output-directory tells."""
    pipeline: str | None = Field(None, max_length=64)
    """Preset to encode with (GET /api/pipelines); else the one named like the format."""
    speed_step: int | None = Field(None, ge=0, le=99)
    """Speed step of the pipeline's encoder (GET /api/capacity), 0 the slowest; null takes the
    slowest for which there is room, and a faster one when the encoder falls behind."""
    max_duration_s: float | None = Field(None, ge=0, le=1e9)
    """The recording ends by itself after so many seconds; 0 or null is no limit."""
    max_size_bytes: int | None = Field(None, ge=0, le=2**60)
    """The recording ends by itself before its files are larger; 0 or null is no limit."""
    split_minutes: float | None = Field(None, ge=0, le=1e7)
    """A new file begins after so many minutes, without a frame lost; 0 or null is one file."""
    split_bytes: int | None = Field(None, ge=0, le=2**60)
    """A new file begins before one is larger; 0 or null is one file."""

    model_config = example(
        {
            "mint_id": MINT_ID,
            "output_format": "av1",
            "video_quality": "high",
            "audio_quality": "high",
            "output_directory": "/path/to/recordings",
        }
    )


class StopBody(Wire):
    """Which stream's recording to end."""

    mint_id: MintId
    """The stream, as it was given to /start."""

    model_config = example({"mint_id": MINT_ID})


class StreamInfo(Wire):
    """The stream as it was when the recording began; null is what the platform didn't tell."""

    name: str | None
    symbol: str | None
    num_participants: int
    """Viewers and publishers."""

    model_config = example({"name": "Example Coin", "symbol": "EXC", "num_participants": 150})


class StartConfig(Wire):
    """What was chosen, with aliases and defaults resolved."""

    output_format: str
    video_quality: str
    audio_quality: str
    pipeline: str
    video_codec: str
    """ffmpeg's name of the encoder."""
    audio_codec: str

    model_config = example(
        {
            "output_format": "av1",
            "video_quality": "high",
            "audio_quality": "high",
            "pipeline": "av1",
            "video_codec": "libaom-av1",
            "audio_codec": "aac",
        }
    )


class Started(Wire):
    """A recording that has begun: its first frames are recorded."""

    success: Literal[True] = True
    mint_id: str
    recording_id: str
    """Equals `mint_id`, as the Recording API document has it."""
    id: str
    """The recording's own id, for GET /api/recordings/{id}."""
    output_path: str
    """The file as it will be called when it is final."""
    state: str
    is_recording: bool
    start_time: Moment | None
    """When the first frame was recorded."""
    stream_info: StreamInfo
    config: StartConfig

    model_config = example(
        {
            "success": True,
            "mint_id": MINT_ID,
            "recording_id": MINT_ID,
            "id": RECORDING_ID,
            "output_path": OUTPUT_PATH,
            "state": "recording",
            "is_recording": True,
            "start_time": "2024-12-01T14:30:22.000+00:00",
            "stream_info": {"name": "Example Coin", "symbol": "EXC", "num_participants": 150},
            "config": {
                "output_format": "av1",
                "video_quality": "high",
                "audio_quality": "high",
                "pipeline": "av1",
                "video_codec": "libaom-av1",
                "audio_codec": "aac",
            },
        }
    )


class Stopped(Wire):
    """A recording that has ended: its file is final and was read back."""

    success: Literal[True] = True
    mint_id: str
    recording_id: str
    """Equals `mint_id`, as the Recording API document has it."""
    id: str
    """The recording's own id, for GET /api/recordings/{id}/file."""
    final_path: str
    output_path: str
    """The same as `final_path`: what the app reads."""
    duration_seconds: float | None
    file_size_bytes: int | None
    state: str
    is_recording: Literal[False] = False
    start_time: Moment | None
    reason: str | None
    """Why it ended."""

    model_config = example(
        {
            "success": True,
            "mint_id": MINT_ID,
            "recording_id": MINT_ID,
            "id": RECORDING_ID,
            "final_path": OUTPUT_PATH,
            "output_path": OUTPUT_PATH,
            "duration_seconds": 120.5,
            "file_size_bytes": 15728640,
            "state": "completed",
            "is_recording": False,
            "start_time": "2024-12-01T14:30:22.000+00:00",
            "reason": "stopped",
        }
    )


class OutputDirectory(Wire):
    """Where the next recording goes."""

    success: Literal[True] = True
    output_directory: str
    exists: bool
    writable: bool

    model_config = example(
        {
            "success": True,
            "output_directory": "/Users/user/.haven-player/recordings",
            "exists": True,
            "writable": True,
        }
    )


class SetOutputDirectoryBody(Wire):
    """Where recordings go from now on."""

    directory: str = Field(min_length=1, max_length=4096)
    """Absolute path under an allowed folder. Its last part is made if the folder above exists."""

    model_config = example({"directory": "/custom/recording/path"})


class FormatCodecs(Wire):
    """What a format is made of, at the default quality."""

    video_codec: str
    audio_codec: str
    video_bitrate: str
    audio_bitrate: str
    extension: str

    model_config = example(
        {
            "video_codec": "libaom-av1",
            "audio_codec": "aac",
            "video_bitrate": "2M",
            "audio_bitrate": "128k",
            "extension": "av1",
        }
    )


class QualityPreset(Wire):
    """Bit rates of a quality, as ffmpeg writes them."""

    video_bitrate: str
    audio_bitrate: str

    model_config = example({"video_bitrate": "2M", "audio_bitrate": "128k"})


_FORMATS: dict[str, Any] = {
    "formats": ["av1"],
    "codecs": {"av1": example_of(FormatCodecs)},
    "quality_presets": {"high": {"video_bitrate": "2M", "audio_bitrate": "128k"}},
}


class SupportedFormats(Wire):
    """Formats, what they are made of, and the qualities."""

    formats: list[str]
    codecs: dict[str, FormatCodecs]
    quality_presets: dict[str, QualityPreset]

    model_config = example(_FORMATS)


class Formats(SupportedFormats):
    """What recordings can be; the app reads `formats` and `quality_presets` at this level too."""

    success: Literal[True] = True
    supported_formats: SupportedFormats
    default_format: str
    recommended_formats: list[str]

    model_config = example(
        {
            "success": True,
            "supported_formats": _FORMATS,
            "default_format": "av1",
            "recommended_formats": ["av1", "mp4"],
            **_FORMATS,
        }
    )
