"""Errors of this machine: ffmpeg, pipelines, capacity and disk space."""

from __future__ import annotations

from orchestrator.errors.base import HavenError


class Unavailable(HavenError):
    """Not possible on this machine at present."""

    status = 503
    code = "unavailable"


class HlsNotReady(Unavailable):
    """Nothing of a recording can be played as HLS yet, or not the piece that was waited for."""

    code = "hls_not_ready"

    def __init__(self, recording_id: str, piece: int | None = None) -> None:
        first = "Its first two seconds are being recorded; try again in a moment."
        super().__init__(
            f"Recording {recording_id} has nothing to play yet"
            if piece is None
            else f"Recording {recording_id} has no piece {piece} yet",
            first if piece is None else "Ask again in a moment, or for the playlist as it is.",
            retry_after_s=1.0,
        )


class FFmpegNotFound(Unavailable):
    """No usable ffmpeg."""

    code = "ffmpeg_not_found"

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            "FFmpeg not found. Please install FFmpeg to create AV1 videos.",
            detail
            or "Set ORCHESTRATOR_FFMPEG to its path; `orchestrator doctor` shows what was tried.",
        )


class EncoderMissing(Unavailable):
    """The ffmpeg in use lacks an encoder of the pipeline."""

    code = "encoder_missing"


class TooManyRecordings(Unavailable):
    """The limit `max_recordings` is reached."""

    code = "too_many_recordings"


class NoCapacity(Unavailable):
    """Too little CPU for another recording; the context says what would fit (`fits`)."""

    code = "no_capacity"


class TooManyOutputs(Unavailable):
    """The recording has as many outputs as it may have."""

    code = "too_many_outputs"

    def __init__(self, recording_id: str, most: int) -> None:
        super().__init__(
            f"Recording {recording_id} has {most} outputs, which is the limit.",
            "Remove one with DELETE /api/recordings/{id}/outputs/{output_id}; of those that have"
            " ended, try one again with POST /api/recordings/{id}/outputs/{output_id}/retry.",
        )


class TooManyWatches(Unavailable):
    """The limit of watched streams is reached."""

    code = "too_many_watches"


class TooManyStreams(Unavailable):
    """The limit of added streams is reached."""

    code = "too_many_streams"


class PipelineBroken(Unavailable):
    """A pipeline file that doesn't load, or whose build() returns no output."""

    code = "pipeline_broken"


class LayoutBroken(Unavailable):
    """A layout's file that doesn't load, raises, takes too long or returns bad rectangles."""

    code = "layout_broken"


class NotEnoughDisk(HavenError):
    """Too little free disk space, a full quota or a file size limit."""

    status = 507
    code = "not_enough_disk"
