"""Wire types of /api/recording/status and /active: the state of a recording, and its live
figures."""

from __future__ import annotations

from typing import Any, Literal

from orchestrator.api.schemas.common import (
    MINT_ID,
    OUTPUT_PATH,
    RECORDING_ID,
    Moment,
    Wire,
    example,
    example_of,
)
from orchestrator.api.schemas.outputs import OutputStanding
from orchestrator.api.schemas.recording_control import StreamInfo

_LIVE: dict[str, Any] = {
    "measured_at": "2024-12-01T14:31:07.000+00:00",
    "fps": 29.97,
    "speed": 1.0,
    "speed_step": 2,
    "bitrate_bps": 2014000,
    "file_size_bytes": 11379200,
    "width": 1280,
    "height": 720,
    "frames_received": 1356,
    "frames_written": 1356,
    "frames_dropped": 0,
    "frames_filled": 0,
    "audio_concealed_s": 0.06,
    "queue_bytes": 0,
    "queue_limit_bytes": 100663296,
    "cpu_cores": 1.31,
    "memory_bytes": 222298112,
    "connection": "connected",
    "participants": 151,
    "packets_received": 12050,
    "packets_lost": 3,
    "frames_undecodable": 0,
    "frames_undecryptable": 0,
    "reconnects": 0,
    "drift_ppm": -21.5,
    "restarts": 0,
    "no_video_since": None,
    "no_video_reason": None,
    "no_audio_since": None,
    "no_audio_reason": None,
    "warnings": [],
}


class Live(Wire):
    """Figures of a running recording, updated once a second; null where nothing was measured."""

    measured_at: Moment | None = None
    """When the figures were measured."""
    fps: float | None = None
    """Frames a second, over the last second."""
    speed: float | None = None
    """Encoding speed relative to real time; below 1 the encoder falls behind."""
    speed_step: int | None = None
    """The speed step in use; 0 is the slowest."""
    bitrate_bps: float | None = None
    file_size_bytes: int | None = None
    """Bytes written so far."""
    width: int | None = None
    height: int | None = None
    frames_received: int | None = None
    frames_written: int | None = None
    frames_dropped: int | None = None
    """Frames received but not written because the encoder was too slow."""
    frames_filled: int | None = None
    """Frames filled in while none arrived."""
    audio_concealed_s: float | None = None
    """Seconds of audio concealed where packets were lost."""
    queue_bytes: int | None = None
    """Bytes of raw frames waiting for the encoder."""
    queue_limit_bytes: int | None = None
    cpu_cores: float | None = None
    """Cores used by the recording's processes."""
    memory_bytes: int | None = None
    """Resident memory of the recording's processes."""
    connection: str | None = None
    """State of the connection to the stream."""
    participants: int | None = None
    packets_received: int | None = None
    packets_lost: int | None = None
    frames_undecodable: int | None = None
    """Video frames that came and were left out of a copy: one that they need is missing."""
    frames_undecryptable: int | None = None
    """End-to-end encrypted frames that no key decrypts, and those that need one of them."""
    reconnects: int | None = None
    drift_ppm: float | None = None
    """How much faster the publisher's audio runs than its own clock, in parts per million; known
    after some minutes of sender reports. The recording corrects for it."""
    restarts: int | None = None
    """How often ffmpeg was restarted."""
    no_video_since: Moment | None = None
    """Since when no video has arrived; null while it arrives."""
    no_video_reason: str | None = None
    no_audio_since: Moment | None = None
    """Since when no audio has arrived: none is published, all is muted, or none comes."""
    no_audio_reason: str | None = None
    warnings: tuple[str, ...] = ()
    """Current problems, in words."""

    model_config = example(_LIVE)


_STANDING: dict[str, Any] = {
    "success": True,
    "mint_id": MINT_ID,
    "is_recording": True,
    "state": "recording",
    "recording_state": "recording",
    "paused": False,
    "paused_since": None,
    "pause_mode": None,
    "start_time": "2024-12-01T14:30:22.000+00:00",
    "output_path": OUTPUT_PATH,
    "duration_seconds": 45.2,
    "video_codec": "libaom-av1",
    "audio_codec": "aac",
    "error": None,
    "id": RECORDING_ID,
    "recording_id": MINT_ID,
}


class Standing(Wire):
    """The fields of a status that the Recording API document and the app define."""

    success: Literal[True] = True
    mint_id: str
    is_recording: bool
    state: str
    """For the desktop app: `recording` from the first frame until the stop begins, also while
    reconnecting or paused; `stopped` if nothing is being recorded."""
    recording_state: str | None = None
    """The exact state: starting, recording, reconnecting, paused or stopping; null if nothing is
    being recorded."""
    paused: bool = False
    paused_since: Moment | None = None
    """When the pause began; null if it isn't paused."""
    pause_mode: Literal["cut", "still"] | None = None
    """cut: the time of the pause isn't in the file. still: the last frame stands for it."""
    start_time: Moment | None = None
    output_path: str | None = None
    duration_seconds: float | None = None
    """Of what is recorded: time that pauses cut out doesn't count."""
    video_codec: str | None = None
    audio_codec: str | None = None
    error: str | None = None
    """Why the last recording of this stream failed; null if it did not."""
    id: str | None = None
    """The recording's own id, for GET /api/recordings/{id}; of the last recording if none is
    running."""
    recording_id: str | None = None
    """Equals `mint_id` while a recording is running."""

    model_config = example(_STANDING)


class Status(Live, Standing):
    """The state of one stream's recording, with its live figures."""

    figures: dict[str, Any] | None = None
    """Everything the recording's worker reports, unchanged."""
    notes: tuple[str, ...] = ()
    """What is done otherwise than asked for, as in the answer of /start."""
    outputs: tuple[OutputStanding, ...] = ()
    """What becomes of it besides its file; GET /api/recordings/{id}/outputs has more of them."""

    model_config = example(
        {
            **_STANDING,
            **_LIVE,
            "figures": {"duration_s": 45.2, "video": {"fps": 29.97, "dropped": 0}},
            "notes": [],
            "outputs": [example_of(OutputStanding)],
        }
    )


class ActiveConfig(Wire):
    """How an active recording is made."""

    format: str
    video_codec: str
    audio_codec: str
    pipeline: str
    video_quality: str
    audio_quality: str
    tracks: str | None
    """Of a pipeline that copies; else null."""

    model_config = example(
        {
            "format": "av1",
            "video_codec": "libaom-av1",
            "audio_codec": "aac",
            "pipeline": "av1",
            "video_quality": "high",
            "audio_quality": "high",
            "tracks": None,
        }
    )


class ActiveRecording(Status):
    """One running recording: its status, its stream, and how it is encoded."""

    stream_info: StreamInfo
    config: ActiveConfig

    model_config = example(
        {
            **example_of(Status),
            "stream_info": {"name": "Example Coin", "symbol": "EXC", "num_participants": 150},
            "config": example_of(ActiveConfig),
        }
    )


class Active(Wire):
    """All running recordings, by stream id."""

    success: Literal[True] = True
    active_recordings: dict[str, ActiveRecording]
    recordings: dict[str, ActiveRecording]
    """The same as `active_recordings`; the app reads this one."""
    count: int

    model_config = example({"success": True, "active_recordings": {}, "recordings": {}, "count": 0})
