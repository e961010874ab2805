"""Wire types of /api/health, /livez and /readyz: whether this server can record, and if not,
why."""

from __future__ import annotations

from typing import Any, Literal

from orchestrator.api.schemas.common import Wire, example, example_of

Status = Literal["ok", "degraded", "not_ready"]


class Check(Wire):
    """One health check."""

    name: Literal["ffmpeg", "pipelines", "disk", "memory", "cpu", "catalog", "discovery", "workers"]
    status: Literal["ok", "warning", "failed"]
    """failed: nothing can be recorded now; warning: needs attention."""
    message: str
    """The result in words."""
    advice: str | None
    """What to do; null if the status is ok."""
    figures: dict[str, Any]
    """The values behind the result; null where a value could not be measured."""

    model_config = example(
        {
            "name": "disk",
            "status": "failed",
            "message": "Only 300 MiB are free at /path/to/recordings; 512 MiB are kept free.",
            "advice": "Free some space, choose another output directory, or lower "
            "disk_reserve_bytes.",
            "figures": {
                "path": "/path/to/recordings",
                "exists": True,
                "writable": True,
                "free_bytes": 314572800,
                "largest_file_bytes": None,
                "reserve_bytes": 536870912,
            },
        }
    )


class Health(Wire):
    """Whether recordings can be started, with the result of every check."""

    success: bool
    """False if they can't: the status is 503, and `error`, `detail` and `code` say why."""
    status: Status
    """degraded: a check gave a warning; not_ready: a check failed."""
    checks: list[Check]
    problems: list[str]
    """What has to be fixed, in words; empty if `status` is ok."""
    error: str | None
    detail: str | None
    code: Literal["not_ready"] | None
    version: str
    uptime_seconds: float
    active_recordings: int | None

    model_config = example(
        {
            "success": False,
            "status": "not_ready",
            "checks": [example_of(Check)],
            "problems": [
                "Only 300 MiB are free at /path/to/recordings; 512 MiB are kept free. "
                "Free some space, choose another output directory, or lower disk_reserve_bytes."
            ],
            "error": "Nothing can be recorded now: "
            "Only 300 MiB are free at /path/to/recordings; 512 MiB are kept free.",
            "detail": "Only 300 MiB are free at /path/to/recordings; 512 MiB are kept free. "
            "Free some space, choose another output directory, or lower disk_reserve_bytes.",
            "code": "not_ready",
            "version": "0.1.0",
            "uptime_seconds": 3601.2,
            "active_recordings": 1,
        }
    )


class Ready(Wire):
    """A short form without names and paths, for probes, which have no API key."""

    success: bool
    status: Status
    checks: dict[str, Literal["ok", "warning", "failed"]]
    error: str | None
    detail: str | None
    code: Literal["not_ready"] | None

    model_config = example(
        {
            "success": True,
            "status": "degraded",
            "checks": {"ffmpeg": "ok", "discovery": "warning"},
            "error": None,
            "detail": None,
            "code": None,
        }
    )


class Alive(Wire):
    """The server answers."""

    success: Literal[True] = True
    status: Literal["ok"] = "ok"

    model_config = example({"success": True, "status": "ok"})
