"""The doctor's checks. Each looks at one thing, changes nothing, and never raises."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from orchestrator import __version__
from orchestrator.catalog.database import database_path
from orchestrator.catalog.paths import check_output_directory
from orchestrator.catalog.store import Catalog
from orchestrator.cli.output import size
from orchestrator.discovery.directory import Directory
from orchestrator.encoding.capabilities import FEATURES, FFmpeg, find_ffmpeg, require
from orchestrator.encoding.presets import Presets
from orchestrator.errors import HavenError
from orchestrator.settings import Settings, masked

Verdict = Literal["ok", "warning", "failed"]

TIMEOUT_S: Final = 20.0

WHY: Final = {
    "setting": "ORCHESTRATOR_FFMPEG names it",
    "path": "first on PATH, and it has every encoder the presets need",
    "wheel": "came with the recorder; PATH has none that can do all the presets need",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""


_Check = Callable[[Settings], Awaitable[list[Finding]]]


async def check_all(settings: Settings) -> list[Finding]:
    """Runs every check, all at once, each with a bounded time."""
    checks: tuple[tuple[str, _Check], ...] = (
        ("platform", _platform),
        ("ffmpeg", _ffmpeg),
        ("livekit", _livekit),
        ("pumpfun", _pumpfun),
        ("output directory", _output_directory),
        ("catalog", _catalog),
    )
    found = await asyncio.gather(*(_bounded(name, check, settings) for name, check in checks))
    return [finding for findings in found for finding in findings]


async def _bounded(name: str, check: _Check, settings: Settings) -> list[Finding]:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await check(settings)
    except HavenError as error:
        return [Finding(name, "failed", error.error, error.detail)]
    except TimeoutError:
        return [Finding(name, "failed", f"no answer within {TIMEOUT_S:.0f} s")]
    except OSError as error:
        return [Finding(name, "failed", str(error))]


async def _platform(settings: Settings) -> list[Finding]:
    python = f"Python {platform.python_version()}, haven-recorder {__version__}"
    system = f"{platform.system()} {platform.release()} {platform.machine()}, {python}"
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return [Finding("platform", "ok", f"{system}, {cores} cores")]


async def _ffmpeg(settings: Settings) -> list[Finding]:
    presets = await asyncio.to_thread(Presets.load, settings.pipelines_directory)
    needed = frozenset[str]().union(*(p.encoders for p in presets.presets.values()))
    ffmpeg = await find_ffmpeg(settings.ffmpeg, needed)
    described = f"{ffmpeg.version} at {ffmpeg.path} ({WHY[ffmpeg.origin]})"
    return [Finding("ffmpeg", "ok", described), _crash_safe(ffmpeg), *_presets(presets, ffmpeg)]


def _crash_safe(ffmpeg: FFmpeg) -> Finding:
    missing = FEATURES - ffmpeg.features
    if not missing:
        return Finding(
            "ffmpeg's MP4", "ok", "hybrid_fragmented: plain when closed, whole if killed"
        )
    advice = "Files are joined once more at the end; ffmpeg 7.1 or newer saves that."
    return Finding("ffmpeg's MP4", "warning", f"has no {', '.join(sorted(missing))}", advice)


def _presets(presets: Presets, ffmpeg: FFmpeg) -> list[Finding]:
    findings = []
    for preset in presets.presets.values():
        name, found = f"pipeline {preset.name}", ", ".join(sorted(preset.encoders))
        try:
            require(ffmpeg, preset)
            findings.append(Finding(name, "ok", found))
        except HavenError as error:
            findings.append(Finding(name, "warning", error.error, error.detail))
    for broken in presets.failures:
        said = f"{broken.path}:{broken.line or 1}: {broken.message}"
        findings.append(Finding(f"pipeline {broken.name}", "failed", said, "Correct or remove it."))
    return findings


async def _livekit(settings: Settings) -> list[Finding]:
    if settings.livekit_url is None or "livekit" not in settings.discovery:
        advice = "Set ORCHESTRATOR_LIVEKIT_URL, _API_KEY and _API_SECRET to record its rooms."
        return [Finding("livekit", "warning", "no server is set", advice)]
    live = await _live_of("livekit", settings)
    said = f"{settings.livekit_url} answers and takes the key; {live} rooms are live"
    return [Finding("livekit", "ok", said)]


async def _pumpfun(settings: Settings) -> list[Finding]:
    if "pumpfun" not in settings.discovery:
        return []
    live = await _live_of("pumpfun", settings)
    said = f"{masked(settings.pumpfun_api_url)} answers; {live} streams are live"
    return [Finding("pumpfun", "ok", said)]


async def _live_of(name: str, settings: Settings) -> int:
    """How many streams one directory lists."""
    directory = Directory.from_settings(settings.model_copy(update={"discovery": [name]}))
    try:
        return len(await directory.live(1000))
    finally:
        await directory.close()


async def _output_directory(settings: Settings) -> list[Finding]:
    return await asyncio.to_thread(_look_at_output, settings)


def _look_at_output(settings: Settings) -> list[Finding]:
    wanted = settings.output_directory
    if wanted.exists():
        roots = [*settings.allowed_output_roots, wanted]
        checked = Finding("output directory", "ok", str(check_output_directory(wanted, roots)))
    else:
        checked = _to_be_made("output directory", wanted)
    return [checked, _disk(_nearest(wanted), settings.disk_reserve_bytes)]


def _disk(folder: Path, reserve_bytes: int) -> Finding:
    free_bytes = shutil.disk_usage(folder).free
    found = f"{size(free_bytes)} free at {folder}"
    if free_bytes >= reserve_bytes:
        return Finding("disk", "ok", found)
    advice = "Make room, or choose another ORCHESTRATOR_OUTPUT_DIRECTORY."
    return Finding("disk", "failed", f"{found}; the reserve is {size(reserve_bytes)}", advice)


async def _catalog(settings: Settings) -> list[Finding]:
    path = database_path(settings.database_url)
    if not await asyncio.to_thread(path.exists):
        return [await asyncio.to_thread(_to_be_made, "catalog", path)]
    catalog = Catalog(settings.database_url)
    await catalog.open(migrate=False)
    try:
        _, total = await catalog.history(limit=1, offset=0)
        active = await catalog.active()
    finally:
        await catalog.close()
    return [Finding("catalog", "ok", f"{path}: {total} recordings, {len(active)} of them active")]


def _to_be_made(name: str, path: Path) -> Finding:
    above = _nearest(path)
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return Finding(name, "ok", f"{path} will be made by the first recording")
    problem = f"{path} can't be made: {above} is no folder that we may write to"
    return Finding(name, "failed", problem, "Choose another.")


def _nearest(path: Path) -> Path:
    """The closest folder above that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
