"""/metrics: everything that is measured, for Prometheus and what understands its format."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from orchestrator import __version__
from orchestrator.api.dependencies import FeedHere, ManagerHere, ObserverHere
from orchestrator.api.monitoring.families import Own, families
from orchestrator.api.monitoring.snapshot import Snapshot
from orchestrator.api.responses import failures_of_stream

router = APIRouter(tags=["monitoring"])

_TEXT = {"description": "Metrics.", "content": {"text/plain": {}}}


class _Taken(Collector):
    """One snapshot, for one answer."""

    def __init__(self, snapshot: Snapshot, own: Own) -> None:
        self._snapshot, self._own = snapshot, own

    def collect(self) -> Iterator[Metric]:
        return families(self._snapshot, self._own)


@router.get(
    "/metrics",
    response_class=Response,
    responses={**failures_of_stream(), 200: _TEXT},
    summary="Get Metrics",
)
async def metrics(
    request: Request, manager: ManagerHere, observer: ObserverHere, feed: FeedHere
) -> Response:
    """What GET /api/processes and the recordings' figures say, as Prometheus reads it."""
    failing = manager.directory.failures
    own = Own(
        version=__version__,
        recordings=await manager.catalog.counts(),
        discovery={name: name in failing for name in manager.directory.names},
        clients=feed.hub.clients,
        slow_clients=feed.hub.too_slow,
        failed_looks=observer.failures + feed.failures,
        look_s=observer.look_cpu_s,
    )
    snapshot = await observer.latest()
    accept = request.headers.get("accept", "")
    text, content_type = await asyncio.to_thread(_written, snapshot, own, accept)
    return Response(text, media_type=content_type)


def _written(snapshot: Snapshot, own: Own, accept: str) -> tuple[bytes, str]:
    registry = CollectorRegistry()
    registry.register(_Taken(snapshot, own))
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type
