"""The health checks: each one reports its result, the values behind it, and what to do.

A failure means that nothing can be recorded now; a warning needs attention.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from orchestrator.api.manager_protocol import Manager
from orchestrator.api.monitoring.observer import Observer
from orchestrator.api.monitoring.snapshot import is_silent
from orchestrator.api.schemas.health import Check
from orchestrator.catalog.models import Recording
from orchestrator.errors import HavenError
from orchestrator.mediafiles.headroom import LEAST_FILE_BYTES, largest_file_bytes
from orchestrator.recordings.encodes.states import EncodeState

TIMEOUT_S: Final = 3.0
"""Time limit of a check; all checks run at the same time."""

STARTING: Final = timedelta(seconds=30)
"""How long a worker's first report may take."""

LOW_MEMORY: Final = 0.05
"""Share of the memory that should remain free."""

_MakeCheck = Callable[[Manager, Observer], Awaitable[Check]]
_MIB: Final = 2**20


async def all_checks(
    manager: Manager, observer: Observer, timeout_s: float | None = None
) -> list[Check]:
    """Runs all checks, each for at most `timeout_s` (TIMEOUT_S)."""
    limit_s = TIMEOUT_S if timeout_s is None else timeout_s
    checks = (_run(name, make(manager, observer), limit_s) for name, make in _ALL.items())
    return list(await asyncio.gather(*checks))


async def _run(name: str, check: Awaitable[Check], timeout_s: float) -> Check:
    try:
        async with asyncio.timeout(timeout_s):
            return await check
    except TimeoutError:
        why = f"The check of {name} took more than {timeout_s:g} s."
        return _check(name, {}, why, "The machine or its disk is overloaded or stuck.", "failed")
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
    problems = {name: ffmpeg.problem(p) for name, p in manager.pipelines.by_name.items()}
    unusable = {name: problem for name, problem in problems.items() if problem is not None}
    figures["unusable"] = ", ".join(unusable)
    if not unusable:
        message = f"ffmpeg {ffmpeg.version} has all encoders."
        return _check("ffmpeg", figures, message)
    first = next(iter(unusable.values()))
    status = "warning" if len(unusable) < len(manager.pipelines.by_name) else "failed"
    return _check("ffmpeg", figures, first.error, first.detail, status)


async def _pipelines(manager: Manager, observer: Observer) -> Check:
    pipelines = manager.pipelines
    figures: dict[str, Any] = {"loaded": len(pipelines.by_name), "broken": len(pipelines.failures)}
    own = manager.settings.pipelines_directory
    if own is not None and not await asyncio.to_thread(own.is_dir):
        message = f"The folder of your own pipelines, {own}, does not exist."
        return _check(
            "pipelines", figures, message, "Create it, or unset pipelines_directory.", "warning"
        )
    if not pipelines.failures:
        return _check("pipelines", figures, f"{len(pipelines.by_name)} are loaded.")
    message = " ".join(f"Pipeline {f.name}: {f.path}: {f.message}" for f in pipelines.failures)
    return _check("pipelines", figures, message, "Fix or remove the file.", "warning")


async def _disk(manager: Manager, observer: Observer) -> Check:
    path = await manager.output_directory()
    figures = await asyncio.to_thread(_disk_figures, path)
    free, reserve = figures["free_bytes"], manager.settings.disk_reserve_bytes
    figures["reserve_bytes"] = reserve
    if not figures["exists"]:
        if problem := await asyncio.to_thread(_why_not_creatable, path):
            advice = "Choose another output directory."
            return _check("disk", figures, f"{path} can't be created: {problem}.", advice, "failed")
        return _check("disk", figures, f"{path} will be created with the first recording.")
    if not figures["writable"]:
        message = f"The output directory {path} can't be written to."
        return _check(
            "disk", figures, message, "Change its permissions, or choose another folder.", "failed"
        )
    message = f"{free // _MIB} MiB are free at {path}; {reserve // _MIB} MiB are kept free."
    largest = figures["largest_file_bytes"]
    if largest is not None and largest < LEAST_FILE_BYTES:
        message = f"Files at {path} can't be larger than {largest} bytes."
        return _check(
            "disk", figures, message, "Raise the limit: `ulimit -f`, LimitFSIZE.", "failed"
        )
    if free < reserve:
        advice = "Free some space, choose another output directory, or lower disk_reserve_bytes."
        return _check("disk", figures, f"Only {message}", advice, "failed")
    return _check("disk", figures, message)


def _disk_figures(path: Path) -> dict[str, Any]:
    exists = path.is_dir()
    return {
        "path": str(path),
        "exists": exists,
        "writable": exists and os.access(path, os.W_OK | os.X_OK),
        "free_bytes": shutil.disk_usage(path).free if exists else None,
        "largest_file_bytes": largest_file_bytes(path) if exists else None,
    }


def _why_not_creatable(path: Path) -> str | None:
    above = next(folder for folder in (path, *path.parents) if os.path.lexists(folder))
    if not above.is_dir():
        return f"{above} is not a folder"
    return None if os.access(above, os.W_OK | os.X_OK) else f"{above} can't be written to"


async def _memory(manager: Manager, observer: Observer) -> Check:
    machine = (await observer.latest()).machine
    used, limit = machine.memory_bytes, machine.memory_limit_bytes
    figures: dict[str, Any] = {"used_bytes": used, "limit_bytes": limit}
    message = f"{used // _MIB} of {limit // _MIB} MiB are in use."
    if limit - used < LOW_MEMORY * limit:
        advice = "Stop a recording or another program before the kernel kills one."
        return _check("memory", figures, message, advice, "warning")
    return _check("memory", figures, message)


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
    message = f"{'?' if used is None else f'{used:.2f}'} of {cores:g} cores are in use"
    message += f", recordings may use {limit:.2f}; load {load:.2f}."
    if any(row.state == EncodeState.RUNNING for row in await manager.encodes.active()):
        message += " An encode of a finished recording takes what others leave."
    elif used is not None and used > limit:
        advice = "Stop a recording or another program, or choose a faster pipeline."
        return _check("cpu", figures, message, advice, "warning")
    return _check("cpu", figures, message)


async def _catalog(manager: Manager, observer: Observer) -> Check:
    began = time.monotonic()
    await manager.catalog.check()
    took_ms = round(1000 * (time.monotonic() - began), 1)
    message = f"Write and read took {took_ms:g} ms."
    return _check("catalog", {"took_ms": took_ms}, message)


async def _discovery(manager: Manager, observer: Observer) -> Check:
    names, failures = manager.directory.names, manager.directory.failures
    figures: dict[str, Any] = {"directories": ", ".join(names), "failing": ", ".join(failures)}
    if not failures:
        message = f"{', '.join(names)}: the last query of each succeeded."
        return _check("discovery", figures, message)
    message = " ".join(f"{name}: {error.error}" for name, error in failures.items())
    advice = " ".join(error.detail for error in failures.values())
    return _check("discovery", figures, message, advice, "warning")


async def _workers(manager: Manager, observer: Observer) -> Check:
    snapshot = await observer.latest()
    now = datetime.now(UTC)
    silent = [row for row in snapshot.recordings if _reports_nothing(row, now)]
    figures: dict[str, Any] = {"recordings": len(snapshot.recordings), "silent": len(silent)}
    if not silent:
        message = f"{len(snapshot.recordings)} running recordings, all report."
        return _check("workers", figures, message)
    ids = ", ".join(row.id for row in silent)
    message = f"The workers of {len(silent)} recordings report nothing: {ids}."
    advice = "A dead worker is replaced within a second; otherwise see its log (/api/processes)."
    return _check("workers", figures, message, advice, "warning")


def _reports_nothing(row: Recording, now: datetime) -> bool:
    if row.figures_at is None and now - row.created_at <= STARTING:
        return False
    return is_silent(row, now)


_ALL: Final[dict[str, _MakeCheck]] = {
    "ffmpeg": _ffmpeg,
    "pipelines": _pipelines,
    "disk": _disk,
    "memory": _memory,
    "cpu": _cpu,
    "catalog": _catalog,
    "discovery": _discovery,
    "workers": _workers,
}
