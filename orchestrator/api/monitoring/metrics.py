"""/metrics: all measurements, in the format of Prometheus."""

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
from orchestrator.api.documented_errors import failures_of_stream
from orchestrator.api.monitoring.metric_families import ServerCounters, families
from orchestrator.api.monitoring.snapshot import Snapshot

router = APIRouter(tags=["monitoring"])

_TEXT = {"description": "Metrics.", "content": {"text/plain": {}}}


class _SnapshotCollector(Collector):
    """The collector of one snapshot, for one response."""

    def __init__(self, snapshot: Snapshot, own: ServerCounters) -> None:
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
    """The values of GET /api/processes and of the recordings' figures, for Prometheus."""
    failing = manager.directory.failures
    own = ServerCounters(
        version=__version__,
        recordings=await manager.catalog.counts(),
        encodes=await manager.encodes.counts(),
        active_encodes=await manager.encodes.active(),
        outputs=await manager.outputs.counts(),
        deliveries=await manager.webhooks.counts(),
        current_outputs=await manager.outputs.current(),
        discovery={name: name in failing for name in manager.directory.names},
        clients=feed.hub.clients,
        slow_clients=feed.hub.too_slow,
        failed_samples=observer.failures + feed.failures,
        sample_cpu_s=observer.sample_cpu_s,
    )
    snapshot = await observer.latest()
    accept = request.headers.get("accept", "")
    text, content_type = await asyncio.to_thread(_rendered, snapshot, own, accept)
    return Response(text, media_type=content_type)


def _rendered(snapshot: Snapshot, own: ServerCounters, accept: str) -> tuple[bytes, str]:
    registry = CollectorRegistry()
    registry.register(_SnapshotCollector(snapshot, own))
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type
