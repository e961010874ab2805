"""The checks of `orchestrator doctor`. Each changes nothing, and never raises."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from orchestrator import __version__
from orchestrator.catalog.database import database_path
from orchestrator.catalog.store import Catalog
from orchestrator.cli.formatting import size
from orchestrator.cli.stream_checks import Finding, file_streams, whep_streams, whip_ports
from orchestrator.discovery.directory import Directory
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.encoding.process.capabilities import FEATURES, FFmpeg, ffmpeg_for
from orchestrator.errors import HavenError
from orchestrator.mediafiles.headroom import LEAST_FILE_BYTES, largest_file_bytes
from orchestrator.mediafiles.paths import check_output_directory
from orchestrator.settings import Settings, masked, warnings

TIMEOUT_S: Final = 20.0

WHY: Final = {
    "setting": "set by ORCHESTRATOR_FFMPEG",
    "path": "from PATH; it has every encoder that the pipelines need",
    "wheel": "bundled; no ffmpeg on PATH has every encoder that the pipelines need",
}


_Check = Callable[[Settings], Awaitable[list[Finding]]]


async def check_all(settings: Settings) -> list[Finding]:
    """Runs all checks concurrently, each with a time limit."""
    checks: tuple[tuple[str, _Check], ...] = (
        ("platform", _platform),
        ("settings", _settings),
        ("ffmpeg", _ffmpeg),
        ("livekit", _livekit),
        ("pumpfun", _pumpfun),
        ("streams", whep_streams),
        ("streams", file_streams),
        ("whip_udp_ports", whip_ports),
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


async def _settings(settings: Settings) -> list[Finding]:
    return [Finding("settings", "warning", text) for text in warnings(settings)]


async def _ffmpeg(settings: Settings) -> list[Finding]:
    pipelines = await asyncio.to_thread(Pipelines.load, settings.pipelines_directory)
    ffmpeg = await ffmpeg_for(settings, pipelines.by_name.values())
    described = f"{ffmpeg.version} at {ffmpeg.path} ({WHY[ffmpeg.origin]})"
    return [Finding("ffmpeg", "ok", described), _crash_safe(ffmpeg), *_pipelines(pipelines, ffmpeg)]


def _crash_safe(ffmpeg: FFmpeg) -> Finding:
    missing = FEATURES - ffmpeg.features
    if not missing:
        return Finding(
            "ffmpeg's MP4", "ok", "hybrid_fragmented: a plain MP4 when closed, playable if killed"
        )
    advice = "Files are remuxed at the end; ffmpeg 7.1 or newer avoids that."
    return Finding("ffmpeg's MP4", "warning", f"has no {', '.join(sorted(missing))}", advice)


def _pipelines(pipelines: Pipelines, ffmpeg: FFmpeg) -> list[Finding]:
    findings = []
    for pipeline in pipelines.by_name.values():
        name, found = f"pipeline {pipeline.name}", ", ".join(sorted(pipeline.encoders))
        if (problem := ffmpeg.problem(pipeline)) is None:
            findings.append(Finding(name, "ok", found or "needs no encoder"))
        else:
            findings.append(Finding(name, "warning", problem.error, problem.detail))
    for broken in pipelines.failures:
        said = f"{broken.path}:{broken.line or 1}: {broken.message}"
        findings.append(Finding(f"pipeline {broken.name}", "failed", said, "Fix or remove it."))
    return findings


async def _livekit(settings: Settings) -> list[Finding]:
    if settings.livekit_url is None or "livekit" not in settings.discovery:
        advice = "Set ORCHESTRATOR_LIVEKIT_URL, _API_KEY and _API_SECRET to record its rooms."
        return [Finding("livekit", "warning", "no server is set", advice)]
    live = await _live_of("livekit", settings)
    said = f"{settings.livekit_url} accepts the key; {live} rooms are live"
    return [Finding("livekit", "ok", said)]


async def _pumpfun(settings: Settings) -> list[Finding]:
    if "pumpfun" not in settings.discovery:
        return []
    live = await _live_of("pumpfun", settings)
    said = f"{masked(settings.pumpfun_api_url)} responds; {live} streams are live"
    return [Finding("pumpfun", "ok", said)]


async def _live_of(name: str, settings: Settings) -> int:
    """How many streams one directory lists."""
    directory = Directory.from_settings(
        settings.model_copy(update={"discovery": [name], "streams": {}})
    )
    try:
        return len(await directory.live(1000))
    finally:
        await directory.close()


async def _output_directory(settings: Settings) -> list[Finding]:
    return await asyncio.to_thread(_check_output, settings)


def _check_output(settings: Settings) -> list[Finding]:
    wanted = settings.output_directory
    if wanted.exists():
        roots = [*settings.allowed_output_roots, wanted]
        checked = Finding("output directory", "ok", str(check_output_directory(wanted, roots)))
    else:
        checked = _to_be_created("output directory", wanted)
    return [checked, _disk(_nearest(wanted), settings.disk_reserve_bytes)]


def _disk(folder: Path, reserve_bytes: int) -> Finding:
    free_bytes = shutil.disk_usage(folder).free
    found = f"{size(free_bytes)} free at {folder}"
    if (largest := largest_file_bytes(folder)) is not None:
        found += f", no file larger than {size(largest)}"
        if largest < LEAST_FILE_BYTES:
            return Finding("disk", "failed", found, "Raise the limit: `ulimit -f`, LimitFSIZE.")
    if free_bytes >= reserve_bytes:
        return Finding("disk", "ok", found)
    advice = "Free some space, or choose another ORCHESTRATOR_OUTPUT_DIRECTORY."
    return Finding("disk", "failed", f"{found}; the reserve is {size(reserve_bytes)}", advice)


async def _catalog(settings: Settings) -> list[Finding]:
    path = database_path(settings.database_url)
    if not await asyncio.to_thread(path.exists):
        return [await asyncio.to_thread(_to_be_created, "catalog", path)]
    catalog = Catalog(settings.database_url)
    await catalog.open(migrate=False)
    try:
        _, total = await catalog.history(limit=1, offset=0)
        active = await catalog.active()
    finally:
        await catalog.close()
    return [Finding("catalog", "ok", f"{path}: {total} recordings, {len(active)} of them active")]


def _to_be_created(name: str, path: Path) -> Finding:
    above = _nearest(path)
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return Finding(name, "ok", f"{path} will be created by the first recording")
    problem = f"{path} can't be created: {above} is not a writable folder"
    return Finding(name, "failed", problem, "Choose another path.")


def _nearest(path: Path) -> Path:
    """The closest existing folder above."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
