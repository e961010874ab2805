"""Measures what encoding costs on this machine, and writes it into the catalog."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from orchestrator.capacity.costs import machine_name, still_true
from orchestrator.catalog.costs.model import Cost
from orchestrator.catalog.costs.table import CostTable
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline.calibration import FILM, measure, steps
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.film import Film
from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.errors import HavenError, Unavailable

log = structlog.get_logger(__name__)

QUIET_S: Final = 60.0
"""How long nothing must have been recorded before calibration begins in the background."""

FILM_PREFIX: Final = "haven-calibrate-"
"""Of a temporary folder that is named after its process; its film is large (200 MB)."""

_LOOK_S: Final = 5.0

Measured = Callable[[Pipeline, int, float], None]
"""Called for each step with its pipeline, its index and CPU seconds per megapixel."""


async def calibrate(
    catalog: Catalog,
    ffmpeg: FFmpeg,
    pipelines: Iterable[Pipeline],
    on_measured: Measured,
    *,
    ready: Callable[[], Awaitable[None]] | None = None,
    film: Film = FILM,
) -> None:
    """Measures every step of the pipelines whose encoders this ffmpeg has; takes about a minute.

    Those that copy have no encoder, and are left out.

    `ready` is awaited before each step. Raises Unavailable for a pipeline that fails.
    """
    machine = await asyncio.to_thread(machine_name, ffmpeg)
    async with _written(film) as folder:
        for pipeline in pipelines:
            if pipeline.copies or ffmpeg.problem(pipeline) is not None:
                continue
            for step in steps(pipeline):
                if ready is not None:
                    await ready()
                cost = await measure(pipeline, step, ffmpeg, folder, film)
                await CostTable(catalog).put(_row(machine, pipeline, step, cost))
                on_measured(pipeline, step, cost)


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

    def open(self, pipelines: Iterable[Pipeline]) -> None:
        """Begins to wait until nothing is being recorded."""
        self._task = asyncio.create_task(self._run(list(pipelines)))

    @property
    def done(self) -> bool:
        """Whether it has finished or failed."""
        return self._task is not None and self._task.done()

    async def close(self) -> None:
        """Stops it, and waits for that."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, pipelines: list[Pipeline]) -> None:
        try:
            await self._calibrate(pipelines)
        except (HavenError, OSError) as error:
            log.warning("calibration failed; using shipped costs", error=str(error))
        except Exception:  # a task's boundary: recordings don't need it
            log.exception("calibration failed; using shipped costs")

    async def _calibrate(self, pipelines: list[Pipeline]) -> None:
        await self._quiet()
        ffmpeg = await self._ffmpeg()
        machine = await asyncio.to_thread(machine_name, ffmpeg)
        known = await CostTable(self._catalog).of(machine)
        measured = {(row.pipeline, row.step) for row in still_true(pipelines, known)}
        encoding = [p for p in pipelines if not p.copies]
        lacking = [p for p in encoding if any((p.name, s) not in measured for s in p.speeds)]
        if lacking:
            await calibrate(
                self._catalog, ffmpeg, lacking, _log, ready=self._not_recording, film=self._film
            )

    async def _not_recording(self) -> None:
        if await self._catalog.active():
            await self._quiet()

    async def _quiet(self) -> None:
        """Returns when nothing has been recorded for `quiet_s`."""
        quiet_s, look_s = 0.0, min(_LOOK_S, self._quiet_s)
        while quiet_s < self._quiet_s:
            await asyncio.sleep(look_s)
            quiet_s = 0.0 if await self._catalog.active() else quiet_s + look_s


@asynccontextmanager
async def _written(film: Film) -> AsyncIterator[Path]:
    folder = await asyncio.to_thread(tempfile.mkdtemp, prefix=f"{FILM_PREFIX}{os.getpid()}-")
    try:
        await _write(film, Path(folder) / "film.nut")
        yield Path(folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _write(film: Film, path: Path) -> None:
    """Draws it in a child process, since the memory that drawing takes would stay in this one."""
    size = map(str, (film.width, film.height, film.frames))
    drawing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "orchestrator.encoding.pipeline.film_frames", str(path), *size),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        process_group=0,
    )
    try:
        _, stderr = await drawing.communicate()
    except BaseException:
        drawing.kill()
        await drawing.wait()
        raise
    if drawing.returncode != 0:
        last = stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise Unavailable(
            f"The film to measure with can't be written to {path.parent}: {last[0]}",
            "Free some space in the temporary folder.",
        )


def _row(machine: str, pipeline: Pipeline, step: int, cost: float) -> Cost:
    return Cost(
        machine=machine,
        pipeline=pipeline.name,
        step=pipeline.speeds[step],
        pipeline_digest=pipeline.digest,
        cpu_s_per_megapixel=cost,
        measured_at=datetime.now(UTC),
    )


def _log(pipeline: Pipeline, step: int, cost: float) -> None:
    log.info(
        "calibrated", pipeline=pipeline.name, step=pipeline.speeds[step], cpu_s_per_megapixel=cost
    )
