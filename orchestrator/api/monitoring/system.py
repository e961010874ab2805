"""/api/system/history: what the machine did in the last minutes, and our share of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.api.dependencies import ObserverHere
from orchestrator.api.monitoring.snapshot import system_history
from orchestrator.api.responses import failures
from orchestrator.api.schemas.monitoring import SystemHistory
from orchestrator.monitor.history import KEPT

router = APIRouter(prefix="/api/system", tags=["monitoring"])


@router.get("/history", responses=failures(), summary="Get System History")
async def history(
    observer: ObserverHere,
    seconds: Annotated[int, Query(ge=1, le=KEPT, description="How much of it.")] = KEPT,
) -> SystemHistory:
    """CPU, memory and disk by second, since the server began or for ten minutes."""
    now = await observer.latest()
    return system_history(observer.history.newest(seconds), now.limit_cores)
