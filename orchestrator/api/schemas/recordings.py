"""Wire types of /api/recordings: the history, and everything known about one recording."""

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
from orchestrator.api.schemas.encodes import EncodeBody
from orchestrator.api.schemas.outputs import OutputInfo
from orchestrator.api.schemas.recording_control import StreamInfo


class RecordingSummary(Wire):
    """One recording in the history."""

    id: str
    mint_id: str
    state: str
    """starting, recording, reconnecting, stopping, completed or failed."""
    stream_info: StreamInfo
    output_format: str
    pipeline: str
    video_quality: str
    audio_quality: str
    video_codec: str
    audio_codec: str
    tracks: str | None
    """What it has of the room if its pipeline copies: selected or all; else null."""
    instead_of: str | None
    """The pipeline that was asked for, if there was no capacity for it and it was copied instead
    (setting `when_full`); else null."""
    encode: EncodeBody | None
    """How it is encoded again when it is completed, as asked for at its start; null: it isn't."""
    notes: list[str]
    """What was done otherwise than asked for, in words."""
    output_path: str
    """The path that the final file has or will have."""
    file_url: str | None
    """Address of the file on this server; null while there is none."""
    created_at: Moment
    """When it was requested."""
    started_at: Moment | None
    """When its first frame was recorded."""
    ended_at: Moment | None
    duration_seconds: float | None
    file_size_bytes: int | None
    reason: str | None
    """Why it ended."""
    recovered: bool
    """Whether a later server finished it from its segments after a crash or power cut."""
    error_code: str | None
    error: str | None
    detail: str | None

    model_config = example(
        {
            "id": RECORDING_ID,
            "mint_id": MINT_ID,
            "state": "completed",
            "stream_info": {"name": "Example Coin", "symbol": "EXC", "num_participants": 150},
            "output_format": "av1",
            "pipeline": "av1",
            "video_quality": "high",
            "audio_quality": "high",
            "video_codec": "libaom-av1",
            "audio_codec": "aac",
            "tracks": None,
            "instead_of": None,
            "encode": None,
            "notes": [],
            "output_path": OUTPUT_PATH,
            "file_url": f"/api/recordings/{RECORDING_ID}/file",
            "created_at": "2024-12-01T14:30:20.511+00:00",
            "started_at": "2024-12-01T14:30:22.000+00:00",
            "ended_at": "2024-12-01T14:32:22.731+00:00",
            "duration_seconds": 120.5,
            "file_size_bytes": 15728640,
            "reason": "stopped",
            "recovered": False,
            "error_code": None,
            "error": None,
            "detail": None,
        }
    )


class FileInfo(Wire):
    """One final file; a split recording has one for each part."""

    part: int
    path: str
    file_url: str
    offset_seconds: float
    """Where it begins on the recording's timeline."""
    duration_seconds: float | None
    file_size_bytes: int
    integrity: str | None
    """whole: its streams and duration match what was recorded, and both ends decode.
    incomplete: `problem` says what is missing. Null: an earlier version did not check it."""
    problem: str | None
    sha256: str | None
    """Computed after the recording has ended; null until then."""
    probe: dict[str, Any] | None
    """The contents, read from the file itself."""

    model_config = example(
        {
            "part": 1,
            "path": OUTPUT_PATH,
            "file_url": f"/api/recordings/{RECORDING_ID}/file",
            "offset_seconds": 0.0,
            "duration_seconds": 120.5,
            "file_size_bytes": 15728640,
            "integrity": "whole",
            "problem": None,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "probe": {"container": "mov,mp4,m4a,3gp,3g2,mj2", "playable": True},
        }
    )


class SegmentInfo(Wire):
    """One segment of a recording, written by one run of ffmpeg."""

    number: int
    part: int
    """Number of the final file that contains it."""
    started_at: Moment
    ended_at: Moment | None
    offset_seconds: float
    """Position of its first frame on the recording's timeline."""
    outcome: str | None
    """finished, failed or killed; null while it runs."""
    returncode: int | None
    speed_step: int | None
    """The speed step it was encoded with; null for segments of an older version."""
    video_frames: int
    audio_samples: int
    stderr_tail: str | None
    """The last lines of ffmpeg's stderr, if it failed."""

    model_config = example(
        {
            "number": 1,
            "part": 1,
            "started_at": "2024-12-01T14:30:22.000+00:00",
            "ended_at": "2024-12-01T14:32:22.702+00:00",
            "offset_seconds": 0.0,
            "outcome": "finished",
            "returncode": 0,
            "speed_step": 2,
            "video_frames": 3615,
            "audio_samples": 5784000,
            "stderr_tail": None,
        }
    )


class EventInfo(Wire):
    """One event of a recording's event log."""

    id: int
    """Increases with every event of any recording."""
    at: Moment
    level: Literal["info", "warning", "error"]
    """warning: something went wrong and was handled; error: something was lost or the recording
    failed."""
    kind: str
    """state, connecting, joined, connection, published, unpublished, muted, unmuted, missing,
    arriving, gap, gap_ended, video, ffmpeg, segment, split, paused, resumed, worker, recovered,
    resumed_as, file, integrity, output, …"""
    message: str
    data: dict[str, Any]
    """Details for programs; what it holds depends on the kind."""

    model_config = example(
        {
            "id": 812,
            "at": "2024-12-01T14:31:02.118+00:00",
            "level": "warning",
            "kind": "connection",
            "message": "lost: no answer",
            "data": {"connected": False},
        }
    )


class LoggedEvent(EventInfo):
    """An event with the recording it belongs to."""

    recording_id: str

    model_config = example({**example_of(EventInfo), "recording_id": RECORDING_ID})


class EventLog(Wire):
    """The event log of one recording, oldest first."""

    success: Literal[True] = True
    events: list[EventInfo]

    model_config = example({"success": True, "events": [example_of(EventInfo)]})


class RecordingDetails(RecordingSummary):
    """Everything known about one recording."""

    success: Literal[True] = True
    wanted: str
    """The last request: record or stop."""
    figures: dict[str, Any]
    """The latest figures that its worker reported."""
    figures_at: Moment | None
    limits: dict[str, Any]
    """The requested limits: where it ends and where it is split."""
    integrity: str | None
    """whole if all its files are, else incomplete; null while none was checked."""
    sha256: str | None
    """SHA-256 of its first file; `files` has those of all parts."""
    probe: dict[str, Any] | None
    """The contents of its first final file, read from the file itself."""
    files: list[FileInfo]
    segments: list[SegmentInfo]
    events: list[EventInfo]
    outputs: list[OutputInfo]
    """What becomes of it besides its file, in the order in which it was asked for."""

    model_config = example(
        {
            **example_of(RecordingSummary),
            "success": True,
            "wanted": "stop",
            "figures": {"duration_s": 120.5, "video": {"written": 3615, "dropped": 0}},
            "figures_at": "2024-12-01T14:32:22.511+00:00",
            "limits": {},
            "integrity": "whole",
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "probe": {"container": "mov,mp4,m4a,3gp,3g2,mj2", "playable": True},
            "files": [example_of(FileInfo)],
            "segments": [example_of(SegmentInfo)],
            "events": [example_of(EventInfo)],
            "outputs": [example_of(OutputInfo)],
        }
    )


class History(Wire):
    """One page of the recordings, newest first."""

    success: Literal[True] = True
    recordings: list[RecordingSummary]
    total: int
    """Total number of recordings that match the filter."""
    limit: int
    offset: int

    model_config = example(
        {
            "success": True,
            "recordings": [example_of(RecordingSummary)],
            "total": 1,
            "limit": 50,
            "offset": 0,
        }
    )


class Deleted(Wire):
    """A recording that was deleted, with its files."""

    success: Literal[True] = True
    id: str

    model_config = example({"success": True, "id": RECORDING_ID})
