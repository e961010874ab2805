"""/api/webhooks: the calls of web hooks that are to be made, and those that were."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as InPath

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures, failures_of_post
from orchestrator.api.schemas.webhooks.deliveries import DeliveryAnswer, DeliveryList, DeliveryState
from orchestrator.api.serializers import webhooks as serialize
from orchestrator.errors import DeliveryNotFound

router = APIRouter(prefix="/api/webhooks", tags=["webhooks"])

_UNKNOWN = DeliveryNotFound("17")

DeliveryId = Annotated[int, InPath(ge=1, le=2**53)]
"""A delivery's id: `id` in GET /api/webhooks/deliveries."""


@router.get("/deliveries", responses=failures(), summary="List Deliveries")
async def deliveries(
    manager: ManagerHere,
    limit: Annotated[int, Query(ge=1, le=200, description="Deliveries per page.")] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31, description="Deliveries to skip.")] = 0,
    state: Annotated[DeliveryState | None, Query(description="Only those in this state.")] = None,
    recording_id: Annotated[
        str | None, Query(max_length=64, description="Only those of this recording.")
    ] = None,
) -> DeliveryList:
    """Calls of web hooks, newest first. Those that have ended are kept for a week."""
    page, total = await manager.webhooks.page(
        limit=limit, offset=offset, state=state, recording_id=recording_id
    )
    return DeliveryList(
        deliveries=[serialize.info(row) for row in page], total=total, limit=limit, offset=offset
    )


@router.post(
    "/deliveries/{delivery_id}/retry",
    responses=failures_of_post(_UNKNOWN),
    summary="Retry Delivery",
)
async def retry(delivery_id: DeliveryId, manager: ManagerHere) -> DeliveryAnswer:
    """Tries one at once that failed or waits for its next try; one that is delivered stays so."""
    return DeliveryAnswer(**serialize.values(await manager.webhooks.retry(delivery_id)))
