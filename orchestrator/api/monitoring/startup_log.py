"""Logs failed health checks when the server has started.

The server runs anyway, so that clients can see why nothing can be recorded and choose another
folder.
"""

from __future__ import annotations

from typing import Final

import structlog

from orchestrator.api.manager_protocol import Manager
from orchestrator.api.monitoring.health_checks import all_checks
from orchestrator.api.monitoring.observer import Observer

log = structlog.get_logger(__name__)

_TRANSIENT: Final = frozenset({"cpu", "discovery", "workers"})
"""Checks whose results change all the time."""

_TIMEOUT_S: Final = 30.0
"""For each check: a server that starts is busy."""


async def log_problems(manager: Manager, observer: Observer) -> None:
    """Logs one line for each failed check or warning, with what to do."""
    for check in await all_checks(manager, observer, _TIMEOUT_S):
        if check.status == "ok" or check.name in _TRANSIENT:
            continue
        log_line = log.error if check.status == "failed" else log.warning
        problem = "nothing can be recorded" if check.status == "failed" else "health warning"
        log_line(problem, check=check.name, why=check.message, advice=check.advice)
