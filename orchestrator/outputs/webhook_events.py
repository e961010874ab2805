"""The events that web hooks are called for."""

from __future__ import annotations

from enum import StrEnum


class WebhookEvent(StrEnum):
    """`type` of what is sent."""

    STARTED = "recording.started"
    """It was asked for and taken."""
    JOINED = "recording.joined"
    """The recorder is connected to the stream; in a room, participants can see it."""
    FIRST_FRAME = "recording.first_frame"
    PAUSED = "recording.paused"
    RESUMED = "recording.resumed"
    GAP_BEGAN = "recording.gap_began"
    """Nothing came for 2 s: the connection is lost, or a track sends nothing."""
    GAP_ENDED = "recording.gap_ended"
    FINISHED = "recording.finished"
    """Its files are final."""
    FAILED = "recording.failed"
    ABORTED = "recording.aborted"
    """Stopped before its first frame: there is no file."""
    UPLOADED = "recording.uploaded"
    """Everything is where an output of type upload was to bring it."""
    UPLOAD_FAILED = "recording.upload_failed"
    ENCODED = "recording.encoded"
    """An encode of its file has ended."""
    OUTPUT_CHANGED = "output.changed"
    """Another output has another state."""
    TEST = "webhook.test"
    """`orchestrator webhooks test`."""
