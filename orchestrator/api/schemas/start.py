"""Wire types of a request to record: POST /api/recording/start, and watches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from orchestrator.api.schemas.common import MINT_ID, example
from orchestrator.api.schemas.encodes import EncodeBody
from orchestrator.api.schemas.outputs import BesideTheFile
from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.recordings.formats import DEFAULT_FORMAT
from orchestrator.recordings.start_request import DEFAULT_QUALITY

StreamId = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A stream's id: any characters that are not control characters."""

MOST_IGNORED = 10
LONGEST_NAME = 40

Quality = Literal["low", "medium", "high", "best"]
"""`best` is what newer builds of the app call `high`."""


class StartBody(BesideTheFile):
    """Which stream to record, and how.

    Unknown fields are no error: the desktop app's builds may send some (`ignored`).
    """

    mint_id: StreamId
    """The stream: `mint_id` of GET /api/streams; on a LiveKit server, the name of the room."""
    output_format: str | None = Field(DEFAULT_FORMAT, max_length=64)
    """av1, mp4, webm, mkv or the format of your own pipeline (GET /api/recording/formats).
    h264 means mp4, vp9 means webm. mkv is pipeline `copy`, which may also make webm or mp4."""
    video_quality: Quality = DEFAULT_QUALITY
    """Determines the video bit rate; GET /api/recording/formats lists the qualities."""
    audio_quality: Quality = DEFAULT_QUALITY
    """Determines the audio bit rate."""
    output_directory: str | None = Field(None, max_length=4096)
    """Folder for this file; by default the one of GET /api/recording/output-directory."""
    pipeline: str | None = Field(None, max_length=64)
    """Pipeline to record with (GET /api/pipelines); else the one named like the format. `copy`
    records the frames as they come, without decoder or encoder; qualities have no effect then."""
    tracks: Literal["selected", "all"] | None = None
    """Of a pipeline that copies. selected, as null: the selected video and all audio, each
    publication of it a track of its own. all: every publication of the room, in mkv."""
    speed_step: int | None = Field(None, ge=0, le=99)
    """Speed step of the encoder (GET /api/capacity), 0 is the slowest; null: one that fits."""
    max_duration_s: float | None = Field(None, ge=0, le=1e9)
    """The recording ends after this many seconds; 0 or null: no limit."""
    max_size_bytes: int | None = Field(None, ge=0, le=2**60)
    """The recording ends before its files exceed this size; 0 or null: no limit."""
    split_minutes: float | None = Field(None, ge=0, le=1e7)
    """A new file begins after this many minutes, without losing a frame; 0 or null: one file."""
    split_bytes: int | None = Field(None, ge=0, le=2**60)
    """A new file begins before one exceeds this size; 0 or null: one file."""
    e2ee: E2eeKeys | None = None
    """Keys of an end-to-end encrypted LiveKit room. Null: those of the settings, if any."""
    encode: EncodeBody | None = None
    """Encode the files again when the recording is completed, slowly and small; POST
    /api/recordings/{id}/encode does it for one that is. Null: don't."""

    model_config = ConfigDict(extra="allow") | example(
        {
            "mint_id": MINT_ID,
            "output_format": "av1",
            "video_quality": "high",
            "audio_quality": "high",
            "output_directory": "/path/to/recordings",
        }
    )

    @property
    def ignored(self) -> list[str]:
        """Names of fields that nothing is known of, at most MOST_IGNORED, none of their values."""
        return [name[:LONGEST_NAME] for name in sorted(self.model_extra or ())[:MOST_IGNORED]]
