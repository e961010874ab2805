"""How long fragments are of a recording that is watched with low latency."""

from __future__ import annotations

from typing import Final

from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline.safe_options import FRAGMENT_S

LOW_LATENCY_S: Final = 1 / 3
"""Ten frames at 30 a second. HLS's parts are fragments (hls.playlist.PART_TARGET_S)."""


async def fragment_s(catalog: Catalog, recording_id: str) -> float:
    """Seconds, by the outputs that were asked for when it began; Unavailable."""
    rows = await Outputs(catalog).of_recording(recording_id)
    low_latency = any(row.kind == "hls" and row.shown.get("low_latency") for row in rows)
    return LOW_LATENCY_S if low_latency else FRAGMENT_S
