"""/api/system/history: the machine's usage over the last minutes, and the recorder's share."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.api.dependencies import ObserverHere
from orchestrator.api.documented_errors import failures
from orchestrator.api.monitoring.snapshot import system_history
from orchestrator.api.schemas.monitoring import SystemHistory
from orchestrator.monitor.history import KEPT

router = APIRouter(prefix="/api/system", tags=["monitoring"])


@router.get("/history", responses=failures(), summary="Get System History")
async def history(
    observer: ObserverHere,
    seconds: Annotated[
        int, Query(ge=1, le=KEPT, description="Length of the history in seconds.")
    ] = KEPT,
) -> SystemHistory:
    """CPU, memory and disk, one sample a second, for up to ten minutes since the server started."""
    now = await observer.latest()
    return system_history(observer.history.newest(seconds), now.limit_cores)
