"""/api/recording/watch: watched streams, which are recorded whenever they are live."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as InPath

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures, failures_of_post
from orchestrator.api.errors import body_of
from orchestrator.api.routes.recording_control import REQUEST_ERRORS, request_of, unknown_fields
from orchestrator.api.schemas.common import MINT_ID
from orchestrator.api.schemas.start import StartBody, StreamId
from orchestrator.api.schemas.watches import Unwatched, Watched, WatchInfo, WatchList, WatchState
from orchestrator.errors import NotWatched, TooManyWatches
from orchestrator.recordings.start_request import SECRET
from orchestrator.server.watches.watches import WatchStatus

router = APIRouter(prefix="/api/recording/watch", tags=["recording"])

_ERRORS = failures_of_post(*REQUEST_ERRORS, TooManyWatches("200 streams are watched"))


@router.post("", responses=_ERRORS, summary="Watch Stream")
async def watch(body: StartBody, manager: ManagerHere) -> Watched:
    """Records a stream whenever it goes live, also after a restart of the server.

    A repeated call for the same stream replaces its options.
    """
    watched = await manager.watches.add(request_of(body, manager.settings))
    unknown_fields(body)
    return Watched(**_values(watched))


@router.get("", responses=failures(), summary="List Watched Streams")
async def watches(manager: ManagerHere) -> WatchList:
    """The watched streams, and why those that should be recorded are not."""
    watches = [WatchInfo(**_values(outlook)) for outlook in await manager.watches.all()]
    return WatchList(watches=watches, count=len(watches))


@router.delete(
    "/{mint_id:path}", responses=failures(NotWatched(MINT_ID)), summary="Stop Watching Stream"
)
async def unwatch(
    stream_id: Annotated[StreamId, InPath(alias="mint_id")], manager: ManagerHere
) -> Unwatched:
    """Stops watching a stream. A running recording of it continues."""
    await manager.watches.remove(stream_id)
    return Unwatched(mint_id=stream_id)


def _values(outlook: WatchStatus) -> dict[str, Any]:
    watch, recording = outlook.watch, outlook.recording
    return {
        "mint_id": watch.stream_id,
        "state": _state(outlook),
        "id": recording.id if recording else None,
        "created_at": watch.created_at,
        "looked_at": outlook.looked_at,
        "error": body_of(outlook.error) if outlook.error else None,
        "next_try_at": outlook.next_try_at,
        "request": watch.request | {name: "***" for name in SECRET if name in watch.request},
    }


def _state(outlook: WatchStatus) -> WatchState:
    if outlook.recording is not None:
        return "recording"
    if outlook.watch.held:
        return "held"
    if outlook.muted:
        return "muted"
    return "waiting" if outlook.error is None else "failing"
