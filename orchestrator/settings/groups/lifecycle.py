"""Settings of starting and stopping: timeouts, restarts, and logs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from orchestrator.stop_policy import STOP


class LifecycleSettings(BaseModel):
    """What happens at a start, a stop and a restart."""

    start_timeout_s: float = Field(
        14,
        gt=0,
        le=60,
        description="Longest that /start waits, including for the first recorded frame, in "
        "seconds; `orchestrator record` and watches count from when the recording's process is "
        "there.",
    )
    watch_period_s: float = Field(
        20,
        ge=1,
        le=3600,
        description="How often to check whether a watched stream is live, in seconds.",
    )
    leave_recordings_running: bool = Field(
        False,
        description="On SIGTERM leave recordings running for the next server instead of finishing "
        "them.",
    )
    resume_after_restart: bool = Field(
        False,
        description="After a power cut or crash of the machine, record streams that are still live "
        "into a new file; what was recorded before is finished either way.",
    )
    shutdown_timeout_s: float = Field(
        STOP.answer_s,
        gt=0,
        description="Longest wait for recordings to finish when the server stops, in seconds; "
        "what isn't finished by then goes on in its worker.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level that is logged."
    )
    log_format: Literal["console", "json"] = Field("console", description="Format of log lines.")
