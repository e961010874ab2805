"""Finds out what encoding costs on this machine, and writes it into the catalog."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from orchestrator.catalog.costs import CostTable
from orchestrator.catalog.models import Cost
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.calibration import FILM, measure, steps
from orchestrator.encoding.capabilities import FFmpeg
from orchestrator.encoding.film import Film
from orchestrator.encoding.pipeline import Preset
from orchestrator.errors import HavenError
from orchestrator.recordings.costs import machine_name, still_true

log = structlog.get_logger(__name__)

QUIET_S: Final = 60.0
"""How long nothing must have been recorded before it is measured in the background."""

FILM_PREFIX: Final = "haven-calibrate-"
"""Of a temporary folder that is named by its process; its film is large (200 MB)."""

_LOOK_S: Final = 5.0

Measured = Callable[[Preset, int, float], None]
"""Told of each step: its preset, its index, CPU seconds per megapixel."""


async def calibrate(
    catalog: Catalog,
    ffmpeg: FFmpeg,
    presets: Iterable[Preset],
    on_measured: Measured,
    *,
    ready: Callable[[], Awaitable[None]] | None = None,
    film: Film = FILM,
) -> None:
    """Measures every step of the presets that this ffmpeg can do; takes about a minute.

    `ready` is waited for before each step. Raises Unavailable for a preset that fails.
    """
    machine = await asyncio.to_thread(machine_name, ffmpeg)
    async with _written(film) as folder:
        for preset in presets:
            if ffmpeg.lacks(preset.encoders):
                continue
            for step in steps(preset):
                if ready is not None:
                    await ready()
                cost = await measure(preset, step, ffmpeg, folder, film)
                await CostTable(catalog).put(_row(machine, preset, step, cost))
                on_measured(preset, step, cost)


class BackgroundCalibration:
    """Measures once for each machine and ffmpeg, while nothing is being recorded."""

    def __init__(
        self,
        catalog: Catalog,
        ffmpeg: Callable[[], Awaitable[FFmpeg]],
        *,
        quiet_s: float = QUIET_S,
        film: Film = FILM,
    ) -> None:
        self._catalog, self._ffmpeg = catalog, ffmpeg
        self._quiet_s, self._film = quiet_s, film
        self._task: asyncio.Task[None] | None = None

    def open(self, presets: Iterable[Preset]) -> None:
        """Begins to wait for its time."""
        self._task = asyncio.create_task(self._run(list(presets)))

    @property
    def done(self) -> bool:
        """Measured, or given up."""
        return self._task is not None and self._task.done()

    async def close(self) -> None:
        """Stops it, and waits for that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, presets: list[Preset]) -> None:
        try:
            await self._calibrate(presets)
        except (HavenError, OSError) as error:
            log.warning("not calibrated; shipped costs are used", error=str(error))
        except Exception:  # a task's boundary: recordings don't need it
            log.exception("calibration failed; shipped costs are used")

    async def _calibrate(self, presets: list[Preset]) -> None:
        await self._quiet()
        ffmpeg = await self._ffmpeg()
        machine = await asyncio.to_thread(machine_name, ffmpeg)
        known = await CostTable(self._catalog).of(machine)
        measured = {(row.pipeline, row.step) for row in still_true(presets, known)}
        lacking = [p for p in presets if any((p.name, s) not in measured for s in p.speeds)]
        if lacking:
            await calibrate(
                self._catalog, ffmpeg, lacking, _log, ready=self._not_recording, film=self._film
            )

    async def _not_recording(self) -> None:
        if await self._catalog.active():
            await self._quiet()

    async def _quiet(self) -> None:
        """Until nothing has been recorded for a while."""
        quiet_s, look_s = 0.0, min(_LOOK_S, self._quiet_s)
        while quiet_s < self._quiet_s:
            await asyncio.sleep(look_s)
            quiet_s = 0.0 if await self._catalog.active() else quiet_s + look_s


@asynccontextmanager
async def _written(film: Film) -> AsyncIterator[Path]:
    made = await asyncio.to_thread(tempfile.mkdtemp, prefix=f"{FILM_PREFIX}{os.getpid()}-")
    try:
        await asyncio.to_thread(film.write, Path(made) / "film.nut")
        yield Path(made)
    finally:
        await asyncio.to_thread(shutil.rmtree, made, ignore_errors=True)


def _row(machine: str, preset: Preset, step: int, cost: float) -> Cost:
    return Cost(
        machine=machine,
        pipeline=preset.name,
        step=preset.speeds[step],
        preset=preset.digest,
        cpu_s_per_megapixel=cost,
        measured_at=datetime.now(UTC),
    )


def _log(preset: Preset, step: int, cost: float) -> None:
    log.info("calibrated", pipeline=preset.name, step=preset.speeds[step], cpu_s_per_megapixel=cost)
