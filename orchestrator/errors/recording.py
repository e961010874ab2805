"""Recordings that fail while they run."""

from __future__ import annotations

from orchestrator.errors.base import HavenError


class EncodingFailed(HavenError):
    """ffmpeg failed repeatedly; `context["stderr"]` has its last lines."""

    code = "encoding_failed"


class FilesNotDeleted(HavenError):
    """The files of a recording can't be deleted."""

    code = "files_not_deleted"


class WorkerFailed(HavenError):
    """The worker process of the recording died, or never answered."""

    code = "worker_failed"


class OutputLost(HavenError):
    """The folder of a recording disappeared while it ran."""

    code = "output_lost"


class PushFailed(HavenError):
    """A recording can't be sent to another server now; the context has ffmpeg's last lines."""

    status = 502
    code = "push_failed"
