"""What encoding costs on this machine: costs measured here, else shipped ones."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final

from orchestrator.capacity.cpu_budget import Costs
from orchestrator.catalog.costs.model import Cost
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.monitor.machine import processor

CAUTION: Final = 1.5
"""By how much a machine that was not measured may be slower than that of the shipped costs."""


def machine_name(ffmpeg: FFmpeg) -> str:
    """What costs depend on: the processor, its cores, and the very ffmpeg. Blocking."""
    build = f"ffmpeg {ffmpeg.version} ({ffmpeg.path.stat().st_size} bytes)"
    return f"{processor()}, {os.cpu_count()} cores, {build}"[:256]


def costs_of(pipelines: Iterable[Pipeline], rows: Sequence[Cost]) -> Costs:
    """Measured costs for pipelines of which every step was measured, shipped ones for others.

    Shipped costs are scaled by this machine's measured speed; without any, by `CAUTION`.
    """
    known = list(pipelines)
    true = still_true(known, rows)
    measured = {(row.pipeline, row.step): row.cpu_s_per_megapixel for row in true}
    scale = _scale(known, measured)
    whole = {p.name: costs for p in known if (costs := _measured(p, measured))}
    shipped = {p.name: tuple(scale * cost for cost in _falling(p.costs)) for p in known}
    copying = frozenset(p.name for p in known if p.copies)
    return Costs(shipped | whole, frozenset(whole), scale, {p.name: p for p in known}, copying)


def still_true(pipelines: Iterable[Pipeline], rows: Iterable[Cost]) -> list[Cost]:
    """Without what was measured of pipelines that were edited since, or are no more."""
    digests = {pipeline.name: pipeline.digest for pipeline in pipelines}
    return [row for row in rows if digests.get(row.pipeline) == row.pipeline_digest]


def _measured(pipeline: Pipeline, measured: Mapping[tuple[str, str], float]) -> tuple[float, ...]:
    """The cost of each step; empty if one is missing."""
    costs = [measured.get((pipeline.name, step)) for step in pipeline.speeds]
    known = [cost for cost in costs if cost is not None]
    return _falling(known) if len(known) == len(costs) else ()


def _falling(costs: Iterable[float]) -> tuple[float, ...]:
    """A step never costs more than the one before it."""
    return tuple(accumulate(costs, min))


def _scale(pipelines: Sequence[Pipeline], measured: Mapping[tuple[str, str], float]) -> float:
    """This machine's costs divided by the shipped ones, by the steps that were measured here."""
    ratios = [
        measured[pipeline.name, step] / shipped
        for pipeline in pipelines
        for step, shipped in zip(pipeline.speeds, pipeline.costs, strict=True)
        if (pipeline.name, step) in measured and pipeline.shipped
    ]
    return statistics.median(ratios) if ratios else CAUTION
