"""/api/recording/watch: streams that are recorded whenever they are live."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as InPath

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.errors import body_of
from orchestrator.api.recording import REQUEST_ERRORS, request_of
from orchestrator.api.responses import failures, failures_of_post
from orchestrator.api.schemas.common import MINT_ID
from orchestrator.api.schemas.recording import MintId, StartBody
from orchestrator.api.schemas.watch import Unwatched, Watched, WatchInfo, WatchList, WatchState
from orchestrator.errors import NotWatched, TooManyWatches
from orchestrator.recordings.watches import Outlook

router = APIRouter(prefix="/api/recording/watch", tags=["recording"])

_ERRORS = failures_of_post(*REQUEST_ERRORS, TooManyWatches("200 streams are waited for"))


@router.post("", responses=_ERRORS, summary="Wait For Stream")
async def watch(body: StartBody, manager: ManagerHere) -> Watched:
    """Records a stream as soon as it is live, and again each time it is; also after a restart.

    Once more for the same stream: the options are the new ones from now on.
    """
    return Watched(**_told(await manager.watches.add(request_of(body))))


@router.get("", responses=failures(), summary="List Streams Waited For")
async def watches(manager: ManagerHere) -> WatchList:
    """The streams that are waited for, with what kept them from being recorded."""
    told = [WatchInfo(**_told(each)) for each in await manager.watches.all()]
    return WatchList(watches=told, count=len(told))


@router.delete(
    "/{mint_id:path}", responses=failures(NotWatched(MINT_ID)), summary="Stop Waiting For Stream"
)
async def unwatch(mint_id: Annotated[MintId, InPath()], manager: ManagerHere) -> Unwatched:
    """Waits for it no longer. A recording that runs goes on."""
    await manager.watches.remove(mint_id)
    return Unwatched(mint_id=mint_id)


def _told(outlook: Outlook) -> dict[str, Any]:
    watch, recording = outlook.watch, outlook.recording
    return {
        "mint_id": watch.mint_id,
        "state": _state(outlook),
        "id": recording.id if recording else None,
        "created_at": watch.created_at,
        "looked_at": outlook.looked_at,
        "error": body_of(outlook.error) if outlook.error else None,
        "next_try_at": outlook.next_try_at,
        "request": watch.request,
    }


def _state(outlook: Outlook) -> WatchState:
    if outlook.recording is not None:
        return "recording"
    if outlook.watch.held:
        return "held"
    return "waiting" if outlook.error is None else "failing"
