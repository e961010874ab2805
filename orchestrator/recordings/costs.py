"""What encoding costs on this machine: as it was measured here, else as it is shipped."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from orchestrator.catalog.models import Cost
from orchestrator.encoding.capabilities import FFmpeg
from orchestrator.encoding.pipeline import Preset
from orchestrator.monitor.machine import processor
from orchestrator.recordings.capacity import CAUTION, Costs


def machine_name(ffmpeg: FFmpeg) -> str:
    """What costs depend on: the processor, its cores, and the very ffmpeg. Blocking."""
    build = f"ffmpeg {ffmpeg.version} ({ffmpeg.path.stat().st_size} bytes)"
    return f"{processor()}, {os.cpu_count()} cores, {build}"[:256]


def costs_of(presets: Iterable[Preset], rows: Sequence[Cost]) -> Costs:
    """Measured ones for pipelines of which every step was measured; shipped ones for others.

    Shipped costs follow the speed that was measured of this machine; where nothing was, they are
    raised by `CAUTION`.
    """
    known = list(presets)
    true = still_true(known, rows)
    measured = {(row.pipeline, row.step): row.cpu_s_per_megapixel for row in true}
    scale = _scale(known, measured)
    whole = {p.name: found for p in known if (found := _measured(p, measured))}
    shipped = {p.name: tuple(scale * cost for cost in _falling(p.costs)) for p in known}
    return Costs(shipped | whole, frozenset(whole), scale, {p.name: p for p in known})


def still_true(presets: Iterable[Preset], rows: Iterable[Cost]) -> list[Cost]:
    """Without what was measured of presets that were edited since, or are no more."""
    digests = {preset.name: preset.digest for preset in presets}
    return [row for row in rows if digests.get(row.pipeline) == row.preset]


def _measured(preset: Preset, measured: Mapping[tuple[str, str], float]) -> tuple[float, ...]:
    """Of each step; none if one is missing."""
    found = [measured.get((preset.name, step)) for step in preset.speeds]
    known = [cost for cost in found if cost is not None]
    return _falling(known) if len(known) == len(found) else ()


def _falling(costs: Iterable[float]) -> tuple[float, ...]:
    """A step is never dearer than the one before it."""
    return tuple(accumulate(costs, min))


def _scale(presets: Sequence[Preset], measured: Mapping[tuple[str, str], float]) -> float:
    """This machine against that of the shipped costs, by the steps that were measured here."""
    ratios = [
        measured[preset.name, step] / shipped
        for preset in presets
        for step, shipped in zip(preset.speeds, preset.costs, strict=True)
        if (preset.name, step) in measured and preset.shipped
    ]
    return statistics.median(ratios) if ratios else CAUTION
