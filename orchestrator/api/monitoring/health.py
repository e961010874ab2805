"""/api/health, /livez, /readyz: whether this server can record, and if not, why."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response

from orchestrator import __version__
from orchestrator.api.dependencies import ManagerHere, ObserverHere
from orchestrator.api.documented_errors import Responses, failures
from orchestrator.api.errors import full_text
from orchestrator.api.monitoring.health_checks import all_checks
from orchestrator.api.schemas.common import Wire
from orchestrator.api.schemas.health import Alive, Check, Health, Ready, Status

router = APIRouter(tags=["monitoring"])


def _or_not_ready(model: type[Wire]) -> Responses:
    return {**failures(), 503: {"model": model, "description": "not ready"}}


@router.get("/api/health", responses=_or_not_ready(Health), summary="Get Health")
async def health(
    request: Request, response: Response, manager: ManagerHere, observer: ObserverHere
) -> Health:
    """Whether recordings can be started, with the result of every check; 503 if they can't.

    Running recordings continue either way, as far as possible.
    """
    checks = await all_checks(manager, observer)
    result = _health(checks, time.monotonic() - request.app.state.began_s)
    response.status_code = 200 if result.success else 503
    return result


@router.get("/readyz", responses=_or_not_ready(Ready), summary="Get Readiness")
async def readiness(response: Response, manager: ManagerHere, observer: ObserverHere) -> Ready:
    """A short form for probes: 503 if nothing can be recorded now."""
    checks = await all_checks(manager, observer)
    status = _status(checks)
    ready = status != "not_ready"
    response.status_code = 200 if ready else 503
    error = "Nothing can be recorded now"
    return Ready(
        success=ready,
        status=status,
        checks={check.name: check.status for check in checks},
        error=None if ready else error,
        detail=None if ready else full_text(error, "GET /api/health says why and what to do."),
        code=None if ready else "not_ready",
    )


@router.get("/livez", responses=failures(), summary="Get Liveness")
async def liveness() -> Alive:
    """Whether the server responds, and nothing else: a restart would not help against a full
    disk."""
    return Alive()


def _status(checks: list[Check]) -> Status:
    statuses = {check.status for check in checks}
    return "not_ready" if "failed" in statuses else "degraded" if "warning" in statuses else "ok"


def _health(checks: list[Check], uptime_s: float) -> Health:
    failed = [check for check in checks if check.status == "failed"]
    problems = [check for check in checks if check.status != "ok"]
    workers = next(check for check in checks if check.name == "workers")
    return Health(
        success=not failed,
        status=_status(checks),
        checks=checks,
        problems=[full_text(check.message, check.advice or "") for check in problems],
        error=f"Nothing can be recorded now: {failed[0].message}" if failed else None,
        detail=full_text(failed[0].message, failed[0].advice or "") if failed else None,
        code="not_ready" if failed else None,
        version=__version__,
        uptime_seconds=round(uptime_s, 3),
        active_recordings=workers.figures.get("recordings"),
    )
