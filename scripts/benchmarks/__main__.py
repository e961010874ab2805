"""Measures recordings of real LiveKit rooms; what ./scripts/bench runs."""

from __future__ import annotations

import argparse
import asyncio
import json
import runpy
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from orchestrator.server.manager import Manager, create_manager
from scripts.benchmarks import copying as copied
from scripts.benchmarks.chart import chart
from scripts.benchmarks.limit import measure_limit, show_limit
from scripts.benchmarks.machine import machine
from scripts.benchmarks.monitor import measure_monitor
from scripts.benchmarks.most import measure_most, show_most
from scripts.benchmarks.pipelines.encoding import Film, measure_encoding, show_encoding
from scripts.benchmarks.receiving.codecs import measure_codecs, show_codecs
from scripts.benchmarks.receiving.receivers import measure_receivers, show_receivers
from scripts.benchmarks.recordings import FPS, SIZE, measure, measure_api, show
from scripts.benchmarks.soak import measure_soak, show_soak
from scripts.benchmarks.start import measure_start, show_start
from scripts.benchmarks.timing import measure_timing, show_timing
from scripts.benchmarks.workers import measure_workers, show_workers
from tests.kit.livekit.server import Server, server_binary, settings_of

Found = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """What is measured with: a LiveKit server, a folder, and what was asked for."""

    arguments: argparse.Namespace
    folder: Path
    server: Server

    @property
    def seconds(self) -> float:
        return float(self.arguments.seconds)

    @property
    def pipelines(self) -> list[str]:
        return str(self.arguments.formats).split(",")

    @asynccontextmanager
    async def manager(self) -> AsyncIterator[Manager]:
        """A manager with a catalog and an output folder of its own; nothing else records."""
        folder = await asyncio.to_thread(tempfile.mkdtemp, dir=self.folder)
        manager = create_manager(settings_of(self.server.url, Path(folder), start_timeout_s=60))
        await manager.open()
        try:
            yield manager
        finally:
            await manager.close()

    def made(self, name: str) -> Path:
        """A new folder for a measurement."""
        (folder := self.folder / name).mkdir()
        return folder

    async def film(self, spare_s: float) -> Film:
        """What is sent, for so much longer than is measured."""
        seconds = round(self.seconds + spare_s)
        return await asyncio.to_thread(Film, self.folder, self.arguments.film, seconds)


async def recordings(bench: Bench) -> Found:
    """Each format by itself."""
    async with bench.manager() as manager:
        found = [await measure(manager, bench.server, p, bench.seconds) for p in bench.pipelines]
    show(found)
    return {"recordings": [asdict(one) for one in found]}


async def api(bench: Bench) -> Found:
    """The API's answers beside three recordings."""
    async with bench.manager() as manager:
        return {"api_median_ms": await measure_api(manager, bench.server)}


async def receivers(bench: Bench) -> Found:
    """What receiving costs, beside others."""
    async with bench.manager() as manager:
        found = await measure_receivers(manager, bench.server, bench.seconds, bench.folder)
    show_receivers(found)
    return {"receivers": [asdict(one) for one in found]}


async def codecs(bench: Bench) -> Found:
    """What receiving each codec costs, beside the SDK."""
    async with bench.manager() as manager:
        asked = (bench.pipelines, bench.seconds, bench.folder)
        found = await measure_codecs(manager, bench.server, *asked)
    show_codecs(found)
    return {"codecs": [asdict(one) | {"ratio": one.ratio} for one in found]}


async def copying(bench: Bench) -> Found:
    """What copying frames as they come costs, beside a bare receiver that decodes."""
    found = await copied.measure_copying(bench.server, bench.seconds, bench.made("copying"))
    copied.show_copying(found)
    return {"copying": [asdict(one) | {"ratio": one.ratio} for one in found]}


async def copies(bench: Bench) -> Found:
    """Many rooms copied at once."""
    rooms = bench.arguments.rooms or 40
    found = await copied.measure_copies(bench.server, bench.seconds, bench.made("copies"), rooms)
    copied.show_copies(found)
    return {"copies": asdict(found)}


async def encoding(bench: Bench) -> Found:
    """ffmpeg's CPU beside a bare one, and VMAF."""
    film = await bench.film(spare_s=40)
    async with bench.manager() as manager:
        found = [
            await measure_encoding(manager, bench.server, film, pipeline, bench.seconds)
            for pipeline in bench.pipelines
        ]
    show_encoding(found)
    return {"encoding": [asdict(one) for one in found]}


async def start(bench: Bench) -> Found:
    """How long a start and a stop take."""
    found = await measure_start(bench.server, bench.folder)
    show_start(found)
    return {"start": [asdict(one) for one in found]}


async def workers(bench: Bench) -> Found:
    """What workers take of the memory, forked by a zygote and started alone."""
    arguments = bench.arguments
    pipeline = bench.pipelines[0]
    found = await measure_workers(
        bench.server, bench.folder / "workers", arguments.rooms or 4, pipeline, bench.seconds
    )
    show_workers(found)
    return {"workers": [asdict(one) for one in found]}


async def limit(bench: Bench) -> Found:
    """How many are taken in at once, and how they fare there."""
    film, cpu_limit = await bench.film(spare_s=200), bench.arguments.cpu_limit
    how = {"hold_s": bench.seconds, "prepared": film.file, "cpu_limit": cpu_limit}
    found = [
        await measure_limit(bench.server, bench.folder / f"limit {name}", name, **how)
        for name in bench.pipelines
    ]
    show_limit(found)
    return {"limit": [asdict(one) for one in found]}


async def most(bench: Bench) -> Found:
    """How many there may be until frames are dropped, if all are taken in."""
    film = await bench.film(spare_s=600)
    found = [
        await measure_most(bench.server, bench.folder / f"most {name}", name, prepared=film.file)
        for name in bench.pipelines
    ]
    show_most(found)
    return {"most": [asdict(one) for one in found]}


async def soak(bench: Bench) -> Found:
    """The memory of every process, minute by minute."""
    minutes = bench.arguments.minutes
    folder = bench.folder / "soak"
    found = await measure_soak(bench.server, folder, minutes, "320x180", bench.pipelines)
    show_soak(found)
    return {"soak": found}


async def monitor(bench: Bench) -> Found:
    """What monitoring costs."""
    return {"monitor": await measure_monitor(bench.folder)}


async def timing(bench: Bench) -> Found:
    """How true the times are."""
    found = await measure_timing(bench.seconds)
    show_timing(found, f"{SIZE} at {FPS} fps")
    return {"timing": found}


MEASURES: Final[dict[str, Callable[[Bench], Awaitable[Found]]]] = {
    each.__name__: each
    for each in (
        *(recordings, receivers, codecs),
        *(copying, copies),
        *(encoding, start),
        *(workers, limit, most),
        api,
        timing,
        monitor,
        soak,
    )
}
"""By name."""

ALL: Final = ("receivers", "encoding", "start", "limit", "most")
"""What `all` measures: what the documentation's chart shows."""

ALONE: Final = {
    "bitrates": "pipelines.bitrates",
    "dashboard": "dashboard",
    "e2ee": "e2ee",
    "equal-vmaf": "pipelines.equal_vmaf",
    "hls": "outputs.hls",
    "hls-recording": "outputs.hls_recording",
    "hour": "hour",
    "idle": "idle",
    "later": "pipelines.later",
    "numbers": "pipelines.numbers",
    "chart": "chart",
    "push": "outputs.push",
    "steps": "pipelines.steps",
    "whip": "receiving.whip",
    "writers": "writers.compare",
}
"""Programs of their own, with arguments of their own: their modules."""

ALIASES: Final = {"picture": "chart"}
"""Earlier names of programs."""


def chosen(arguments: argparse.Namespace) -> list[Callable[[Bench], Awaitable[Found]]]:
    """What was asked for, in the order of the table."""
    asked = {*arguments.names, *(ALL if "all" in arguments.names else ())}
    if not asked:
        return [recordings, api]
    return [measured for name, measured in MEASURES.items() if name in asked]


async def run(arguments: argparse.Namespace, folder: Path) -> Found:
    """All of it, with one LiveKit server."""
    binary = server_binary()
    assert binary is not None, "no LiveKit server: run scripts/livekit-server"
    server = Server(binary, folder / "livekit.log")
    await asyncio.to_thread(server.start)
    found: Found = {"machine": machine()}
    try:
        for measured in chosen(arguments):
            found |= await measured(Bench(arguments, folder, server))
    finally:
        await asyncio.to_thread(server.stop)
    return found


def main() -> None:
    """Parse, measure, print."""
    alone = ALIASES.get(sys.argv[1], sys.argv[1]) if sys.argv[1:] else ""
    if alone in ALONE:
        del sys.argv[1]
        module = f"scripts.benchmarks.{ALONE[alone]}"
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    about = [f"{name}: {(each.__doc__ or '').strip()}" for name, each in MEASURES.items()]
    about += [f"all: {', '.join(ALL)}", f"by themselves: {', '.join(ALONE)}"]
    parser = argparse.ArgumentParser(
        prog="bench",
        description=__doc__,
        epilog="\n".join(about),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [*MEASURES, "all"]
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: recordings api")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--formats", default="av1,mp4,webm,av1-svt", help="pipelines, by name")
    parser.add_argument("--minutes", type=float, default=30, help="for soak")
    parser.add_argument("--rooms", type=int, help="for workers (4), copies (40)")
    parser.add_argument("--cpu-limit", type=float, default=0.85, help="setting for limit")
    parser.add_argument("--film", type=Path, help="what is sent for encoding, limit and most")
    parser.add_argument(
        "--chart", "--picture", type=Path, help="also draw the figures into this file (SVG)"
    )
    parser.add_argument("--json", type=Path, help="also write the figures into this file")
    arguments = parser.parse_args()
    if unknown := {*arguments.names} - {*names}:
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join((*names, *ALONE))}")
    with tempfile.TemporaryDirectory(prefix="haven-bench-") as folder:
        found = asyncio.run(run(arguments, Path(folder)))
    print(text := json.dumps(found, indent=2))
    if arguments.json:
        arguments.json.write_text(text + "\n")
    if arguments.chart:
        arguments.chart.write_text(chart(found) + "\n")


if __name__ == "__main__":
    main()
