"""Wire types of /api/encodes: finished recordings that are encoded again, in a queue."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from orchestrator.api.schemas.common import (
    OUTPUT_PATH,
    RECORDING_ID,
    STRICT,
    Moment,
    Wire,
    example,
    example_of,
)
from orchestrator.recordings.encodes.options import DEFAULT_PIPELINE, DEFAULT_QUALITY
from orchestrator.recordings.encodes.states import EncodeState

ENCODE_ID = "7b1c9e2f4a5d4c3e8f6a0b1c2d3e4f50"
"""The encode's id of every example."""

_MADE = OUTPUT_PATH.replace(".av1", "_av1-svt.av1")


class EncodeBody(Wire):
    """How a finished recording is encoded again, slowly and small."""

    pipeline: str = Field(DEFAULT_PIPELINE, min_length=1, max_length=64)
    """A pipeline with a later profile (docs/pipelines.md)."""
    quality: Literal["low", "medium", "high", "best"] = DEFAULT_QUALITY
    """Determines the encoder's CRF, a constant quality."""
    crf: int | None = Field(None, ge=0, le=255)
    """The encoder's own quality instead, 0 is best; not with `bitrate_bps`."""
    bitrate_bps: int | None = Field(None, ge=10_000, le=1_000_000_000)
    """An average of the video instead of a constant quality."""
    replace: bool | None = None
    """Whether the new file takes the place of the recording's, which is deleted when the new one
    was compared with it; null: as the setting `encode_replace` says."""
    vmaf: bool = False
    """Whether the VMAF of the new file is measured, which takes as long as decoding both."""

    model_config = STRICT | example(
        {
            "pipeline": DEFAULT_PIPELINE,
            "quality": "high",
            "crf": None,
            "bitrate_bps": None,
            "replace": False,
            "vmaf": False,
        }
    )

    @model_validator(mode="after")
    def _one_rate(self) -> EncodeBody:
        if self.crf is not None and self.bitrate_bps is not None:
            raise ValueError("crf and bitrate_bps exclude each other; give one of them")
        return self


class EncodeProgress(Wire):
    """How far an encode is."""

    stage: Literal["reading", "encoding", "joining", "checking"]
    part: int
    """The file at work, from 1; a split recording has several."""
    parts: int
    share: float
    """From 0 to 1, of all files."""
    done_s: float
    """Seconds of the recording that are encoded."""
    total_s: float
    frames: int
    """Encoded so far, of the file at work."""
    fps: float | None
    """Frames encoded a second; null until the first."""
    left_s: float | None
    """Seconds until it is done, as it goes now; null until that can be told."""

    model_config = example(
        {
            "stage": "encoding",
            "part": 1,
            "parts": 1,
            "share": 0.42,
            "done_s": 50.6,
            "total_s": 120.5,
            "frames": 1518,
            "fps": 12.1,
            "left_s": 174.2,
        }
    )


class EncodedFile(Wire):
    """A new file that was compared with its source and has its name. What wasn't measured, or only
    a process knew that was killed, is null."""

    part: int
    source: str
    output: str
    replaced: bool
    """Whether the source was deleted, and the new file is the recording's now."""
    source_bytes: int
    output_bytes: int
    duration_s: float | None
    took_s: float | None
    """Of the last run, in seconds."""
    fps: float | None
    vmaf: float | None
    vmaf_least: float | None
    """Of the worst frame."""
    audio: list[str] | None
    """What became of each track."""
    left_out: list[str] | None
    """Streams that the new file can't have."""

    model_config = example(
        {
            "part": 1,
            "source": OUTPUT_PATH,
            "output": _MADE,
            "replaced": False,
            "source_bytes": 15728640,
            "output_bytes": 4718592,
            "duration_s": 120.5,
            "took_s": 301.7,
            "fps": 12.0,
            "vmaf": None,
            "vmaf_least": None,
            "audio": ["aac copied"],
            "left_out": [],
        }
    )


class EncodeInfo(Wire):
    """One encode of a recording."""

    id: str
    recording_id: str
    state: EncodeState
    """queued; running; paused: begun, goes on with the queue; completed; failed: `error` says why,
    and the recording is as it was; cancelled."""
    request: EncodeBody
    created_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    progress: EncodeProgress | None
    """Null until it has begun, and when it has ended."""
    files: list[EncodedFile]
    """What is done, by part."""
    error_code: str | None
    error: str | None
    detail: str | None

    model_config = example(
        {
            "id": ENCODE_ID,
            "recording_id": RECORDING_ID,
            "state": "running",
            "request": example_of(EncodeBody),
            "created_at": "2024-12-01T14:32:40.000+00:00",
            "started_at": "2024-12-01T14:32:40.500+00:00",
            "ended_at": None,
            "progress": example_of(EncodeProgress),
            "files": [],
            "error_code": None,
            "error": None,
            "detail": None,
        }
    )


class EncodeAnswer(EncodeInfo):
    """An encode that was queued, asked for, or cancelled."""

    success: Literal[True] = True

    model_config = example({"success": True, **example_of(EncodeInfo)})


class QueueState(Wire):
    """Whether the queue of encodes goes on."""

    paused: Literal["request", "setting", "battery"] | None
    """Why nothing is encoded now; null while the queue runs."""

    model_config = example({"paused": "battery"})


class QueueBody(Wire):
    """Whether the queue of encodes is to be paused."""

    paused: bool

    model_config = STRICT | example({"paused": True})


class QueueAnswer(QueueState):
    """Whether the queue goes on, now that it was asked for."""

    success: Literal[True] = True

    model_config = example({"success": True, "paused": "request"})


class EncodeList(QueueState):
    """Encodes, newest first."""

    success: Literal[True] = True
    encodes: list[EncodeInfo]
    total: int
    limit: int
    offset: int

    model_config = example(
        {
            "success": True,
            "paused": None,
            "encodes": [example_of(EncodeInfo)],
            "total": 1,
            "limit": 50,
            "offset": 0,
        }
    )
