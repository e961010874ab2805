"""Wire types of /api/recording: the Recording API document's, with what the desktop app adds."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from orchestrator.api.schemas.common import (
    MINT_ID,
    OUTPUT_PATH,
    RECORDING_ID,
    STRICT,
    Moment,
    Wire,
    example,
    example_of,
)
from orchestrator.api.schemas.start import StreamId


class StopBody(Wire):
    """The stream whose recording is to end."""

    mint_id: StreamId
    """The stream, as given to /start."""

    model_config = example({"mint_id": MINT_ID})


class StreamInfo(Wire):
    """The stream as it was when the recording began; null where the platform reported nothing."""

    name: str | None
    symbol: str | None
    num_participants: int
    """Viewers and publishers."""

    model_config = example({"name": "Example Coin", "symbol": "EXC", "num_participants": 150})


class StartConfig(Wire):
    """The options in effect, with aliases and defaults resolved."""

    output_format: str
    video_quality: str
    audio_quality: str
    pipeline: str
    video_codec: str
    """ffmpeg's name for the encoder; of a pipeline that copies, `copy` until the codec is known."""
    audio_codec: str
    tracks: str | None
    """Of a pipeline that copies; else null."""

    model_config = example(
        {
            "output_format": "av1",
            "video_quality": "high",
            "audio_quality": "high",
            "pipeline": "av1",
            "video_codec": "libaom-av1",
            "audio_codec": "aac",
            "tracks": None,
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
    """The path that the final file will have."""
    state: str
    is_recording: bool
    start_time: Moment | None
    """When the first frame was recorded."""
    stream_info: StreamInfo
    config: StartConfig
    notes: list[str]
    """What is done otherwise than asked for, in words: a quality that has no effect, or frames
    that are copied since there is no capacity to encode them (setting `when_full`)."""

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
                "tracks": None,
            },
            "notes": [],
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
    final_path: str | None
    """Null if it was stopped before its first frame (`state` is aborted) and has no file."""
    output_path: str | None
    """The same as `final_path`; the app reads this one."""
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


class PauseBody(Wire):
    """The stream whose recording is to pause."""

    mint_id: StreamId
    """The stream, as given to /start."""
    still: bool = False
    """false: the time of the pause isn't in the file. true: its last frame stands for it, and
    silence."""

    model_config = STRICT | example({"mint_id": MINT_ID, "still": False})


class ResumeBody(Wire):
    """The stream whose recording is to go on."""

    mint_id: StreamId
    """The stream, as given to /start."""

    model_config = STRICT | example({"mint_id": MINT_ID})


class Paused(Wire):
    """How a recording stands that was to pause or to go on."""

    success: Literal[True] = True
    mint_id: str
    recording_id: str
    """Equals `mint_id`, as in the answer of /start."""
    id: str
    """The recording's own id, for GET /api/recordings/{id}."""
    state: str
    """For the desktop app: `recording`, also while it is paused."""
    recording_state: str
    """The exact state: paused, recording or reconnecting."""
    paused: bool
    paused_since: Moment | None
    """When the pause began; null if it isn't paused."""
    pause_mode: Literal["cut", "still"] | None
    """cut: its time isn't in the file. still: its last frame stands for it."""

    model_config = example(
        {
            "success": True,
            "mint_id": MINT_ID,
            "recording_id": MINT_ID,
            "id": RECORDING_ID,
            "state": "recording",
            "recording_state": "paused",
            "paused": True,
            "paused_since": "2024-12-01T14:31:02.000+00:00",
            "pause_mode": "cut",
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
    """The output directory to use from now on."""

    directory: str = Field(min_length=1, max_length=4096)
    """Absolute path below an allowed folder. Its last part is created if the parent folder
    exists."""

    model_config = example({"directory": "/custom/recording/path"})


class FormatCodecs(Wire):
    """The codecs and bit rates of a format at the default quality."""

    video_codec: str
    """`copy` where frames are recorded as they come; the bit rates are null then."""
    audio_codec: str
    video_bitrate: str | None
    audio_bitrate: str | None
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
    """Bit rates of a quality, in ffmpeg's notation."""

    video_bitrate: str
    audio_bitrate: str

    model_config = example({"video_bitrate": "2M", "audio_bitrate": "128k"})


_FORMATS: dict[str, Any] = {
    "formats": ["av1"],
    "codecs": {"av1": example_of(FormatCodecs)},
    "quality_presets": {"high": {"video_bitrate": "2M", "audio_bitrate": "128k"}},
}


class SupportedFormats(Wire):
    """Formats, their codecs, and the qualities."""

    formats: list[str]
    codecs: dict[str, FormatCodecs]
    quality_presets: dict[str, QualityPreset]

    model_config = example(_FORMATS)


class Formats(SupportedFormats):
    """The available formats and qualities; the app also reads `formats` and `quality_presets` at
    this level."""

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
