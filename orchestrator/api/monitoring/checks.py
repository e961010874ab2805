"""What has to be well for recordings to be made: each check says how it is, in numbers, and what
to do. A failure means that nothing can be recorded now; a warning, that somebody should look."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from orchestrator.api.monitoring.observer import Observer
from orchestrator.api.monitoring.snapshot import is_silent
from orchestrator.api.schemas.health import Check
from orchestrator.api.service import Manager
from orchestrator.catalog.models import Recording
from orchestrator.encoding.capabilities import require
from orchestrator.errors import HavenError, Unavailable

TIMEOUT_S: Final = 3.0
"""For one check; all are made at the same time."""

STARTING: Final = timedelta(seconds=30)
"""A worker's first report may take so long."""

LOW_MEMORY: Final = 0.05
"""Share of the memory that should be left."""

_Made = Callable[[Manager, Observer], Awaitable[Check]]
_MIB: Final = 2**20


async def all_checks(manager: Manager, observer: Observer) -> list[Check]:
    """Each within TIMEOUT_S, whatever it waits for."""
    return list(
        await asyncio.gather(*(_made(name, make, manager, observer) for name, make in _ALL.items()))
    )


async def _made(name: str, make: _Made, manager: Manager, observer: Observer) -> Check:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await make(manager, observer)
    except TimeoutError:
        why = f"The check of {name} took more than {TIMEOUT_S:g} s."
        return _check(name, {}, why, "The machine or its disk is overloaded, or stuck.", "failed")
    except HavenError as error:
        return _check(name, {}, error.error, error.detail, "failed")


def _check(
    name: str,
    figures: dict[str, Any],
    message: str,
    advice: str | None = None,
    status: str = "ok",
) -> Check:
    return Check.model_validate(
        {"name": name, "status": status, "message": message, "advice": advice, "figures": figures}
    )


async def _ffmpeg(manager: Manager, observer: Observer) -> Check:
    ffmpeg = await manager.ffmpeg()
    figures: dict[str, Any] = {
        "path": str(ffmpeg.path),
        "version": ffmpeg.version,
        "origin": ffmpeg.origin,
    }
    unusable = {}
    for name, preset in manager.presets.presets.items():
        try:
            require(ffmpeg, preset)
        except Unavailable as error:
            unusable[name] = error
    figures["unusable"] = ", ".join(unusable)
    if not unusable:
        told = f"ffmpeg {ffmpeg.version} has every encoder."
        return _check("ffmpeg", figures, told)
    first = next(iter(unusable.values()))
    status = "warning" if len(unusable) < len(manager.presets.presets) else "failed"
    return _check("ffmpeg", figures, first.error, first.detail, status)


async def _pipelines(manager: Manager, observer: Observer) -> Check:
    presets = manager.presets
    figures: dict[str, Any] = {"loaded": len(presets.presets), "broken": len(presets.failures)}
    if not presets.failures:
        return _check("pipelines", figures, f"{len(presets.presets)} are loaded.")
    told = " ".join(f"Pipeline {f.name}: {f.path}: {f.message}" for f in presets.failures)
    return _check("pipelines", figures, told, "Mend or remove the file.", "warning")


async def _disk(manager: Manager, observer: Observer) -> Check:
    path = await manager.output_directory()
    figures = await asyncio.to_thread(_place, path)
    free, reserve = figures["free_bytes"], manager.settings.disk_reserve_bytes
    figures["reserve_bytes"] = reserve
    if not figures["exists"]:
        return _check("disk", figures, f"{path} is made with the first recording.")
    if not figures["writable"]:
        told = f"The output directory {path} can't be written to."
        return _check("disk", figures, told, "Change its permissions, or choose another.", "failed")
    told = f"{free // _MIB} MiB are free at {path}; {reserve // _MIB} MiB are kept free."
    if free < reserve:
        advice = "Free some space, choose another output directory, or lower disk_reserve_bytes."
        return _check("disk", figures, f"Only {told}", advice, "failed")
    return _check("disk", figures, told)


def _place(path: Path) -> dict[str, Any]:
    exists = path.is_dir()
    return {
        "path": str(path),
        "exists": exists,
        "writable": exists and os.access(path, os.W_OK | os.X_OK),
        "free_bytes": shutil.disk_usage(path).free if exists else None,
    }


async def _memory(manager: Manager, observer: Observer) -> Check:
    machine = (await observer.latest()).machine
    used, limit = machine.memory_bytes, machine.memory_limit_bytes
    figures: dict[str, Any] = {"used_bytes": used, "limit_bytes": limit}
    told = f"{used // _MIB} of {limit // _MIB} MiB are in use."
    if limit - used < LOW_MEMORY * limit:
        advice = "Stop a recording or another program, before the kernel ends one."
        return _check("memory", figures, told, advice, "warning")
    return _check("memory", figures, told)


async def _cpu(manager: Manager, observer: Observer) -> Check:
    snapshot = await observer.latest()
    machine, limit = snapshot.machine, snapshot.limit_cores
    used, cores, load = machine.cpu_cores, machine.cores, machine.load_1m
    figures: dict[str, Any] = {
        "used_cores": used,
        "cores": cores,
        "limit_cores": limit,
        "load_1m": round(load, 2),
    }
    told = f"{'?' if used is None else f'{used:.2f}'} of {cores:g} cores are in use"
    told += f", recordings may take {limit:.2f} together; load {load:.2f}."
    if used is not None and used > limit:
        advice = "Stop a recording or another program, or choose a faster pipeline."
        return _check("cpu", figures, told, advice, "warning")
    return _check("cpu", figures, told)


async def _catalog(manager: Manager, observer: Observer) -> Check:
    began = time.monotonic()
    await manager.catalog.check()
    took_ms = round(1000 * (time.monotonic() - began), 1)
    told = f"Written and read in {took_ms:g} ms."
    return _check("catalog", {"took_ms": took_ms}, told)


async def _discovery(manager: Manager, observer: Observer) -> Check:
    names, failures = manager.directory.names, manager.directory.failures
    figures: dict[str, Any] = {"directories": ", ".join(names), "failing": ", ".join(failures)}
    if not failures:
        told = f"{', '.join(names)}: no failure at the last question."
        return _check("discovery", figures, told)
    told = " ".join(f"{name}: {error.error}" for name, error in failures.items())
    advice = " ".join(error.detail for error in failures.values())
    return _check("discovery", figures, told, advice, "warning")


async def _workers(manager: Manager, observer: Observer) -> Check:
    snapshot = await observer.latest()
    now = datetime.now(UTC)
    silent = [row for row in snapshot.recordings if _reports_nothing(row, now)]
    figures: dict[str, Any] = {"recordings": len(snapshot.recordings), "silent": len(silent)}
    if not silent:
        told = f"{len(snapshot.recordings)} recordings run, all report."
        return _check("workers", figures, told)
    ids = ", ".join(row.id for row in silent)
    told = f"The processes of {len(silent)} recordings report nothing: {ids}."
    advice = "A dead one is replaced within a second; else look at its log (/api/processes)."
    return _check("workers", figures, told, advice, "warning")


def _reports_nothing(row: Recording, now: datetime) -> bool:
    if row.figures_at is None and now - row.created_at <= STARTING:
        return False
    return is_silent(row, now)


_ALL: Final[dict[str, _Made]] = {
    "ffmpeg": _ffmpeg,
    "pipelines": _pipelines,
    "disk": _disk,
    "memory": _memory,
    "cpu": _cpu,
    "catalog": _catalog,
    "discovery": _discovery,
    "workers": _workers,
}
