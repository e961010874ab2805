"""What players of a running recording cost the server.

`./scripts/bench hls`: a server of its own process serves a segment of 720p that grows by a
fragment a second, as ffmpeg writes it; players reload the playlist every two seconds and get each
new piece once. Its CPU is measured without players, with one and with many; theirs isn't counted.
With `--microphones 3` it is a copy with so many, which are mixed.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

import httpx
import psutil
import uvicorn
from rich.console import Console
from rich.table import Table

from orchestrator.api.app import create_app
from orchestrator.api.server import configuration
from orchestrator.catalog.store import Catalog
from orchestrator.fragments.reader import FragmentReader
from orchestrator.hls.run import container_of
from orchestrator.server.hls.recordings import HlsRecordings
from orchestrator.settings import Settings
from tests.kit.api.memory import MemoryManager
from tests.kit.fakes import REAL
from tests.kit.mediafiles.fragmented import MP4_FLAGS
from tests.kit.ports import free_port
from tests.kit.recordings.hls import ID, add_segment, begin, uris

RELOAD_S: Final = 2.0
ROOT: Final = f"/api/recordings/{ID}/hls"
BEGUN: Final = 20
"""Fragments that are there at the beginning."""


def film(path: Path, seconds: float, microphones: int) -> None:
    """A closed segment of 720p at 2 Mbit/s, encoded, or copied with so many microphones."""
    keys = "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+2))"
    inputs = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30"]
    maps = ["-map", "0"]
    for number in range(max(1, microphones)):
        inputs += ["-f", "lavfi", "-i", f"sine=f={440 + 200 * number}:r=48000"]
        maps += ["-map", str(1 + number)]
    video = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-force_key_frames", keys]
    rate = ["-b:v", "2M", "-maxrate", "2M", "-bufsize", "4M"]
    encoded = ["-c:a", "aac", "-movflags", MP4_FLAGS, "-frag_duration", "1000000", "-f", "mp4"]
    copied = ["-c:a", "libopus", "-b:a", "32k", "-cluster_time_limit", "1000", "-f", "matroska"]
    command = [str(REAL), "-v", "error", "-nostdin", *inputs, *maps, "-t", str(seconds)]
    kind = copied if microphones else encoded
    subprocess.run([*command, *video, *rate, *kind, str(path)], check=True)


async def serve(source: Path, port: int) -> None:
    """The server's process: the segment grows until it is killed."""
    folder = source.parent
    catalog = Catalog(f"sqlite:///{folder / 'catalog.db'}")
    await catalog.open(migrate=True)
    manager = MemoryManager(Settings(output_directory=folder, port=port))
    manager.hls = HlsRecordings(catalog)
    growing = folder / f"0001{source.suffix}"
    await begin(catalog, folder, tracks="all" if source.suffix == ".mkv" else None)
    await add_segment(catalog, 1, growing)
    threading.Thread(target=grow, args=(source, growing), daemon=True).start()
    config = configuration(create_app(manager))
    config.port = port
    await uvicorn.Server(config).serve()


def grow(source: Path, path: Path) -> None:
    """Appends the source's fragments, each when it ends."""
    fragments = FragmentReader(source, container_of(source) or "mp4").poll(last=True)
    data = source.read_bytes()
    first, began_s = fragments[BEGUN], time.monotonic()
    path.write_bytes(data[: first.offset])
    for one in fragments[BEGUN:]:
        time.sleep(max(0.0, began_s + one.end_s - first.begin_s - time.monotonic()))
        with path.open("ab") as file:
            file.write(data[file.tell() : one.offset + one.length])


async def play(client: httpx.AsyncClient, after_s: float) -> None:
    """Until it is cancelled."""
    await asyncio.sleep(after_s)
    seen: set[str] = set()
    while True:
        began_s = time.monotonic()
        playlist = (await client.get(f"{ROOT}/video.m3u8")).raise_for_status().text
        for _, uri in uris(playlist)[-3:]:
            if uri not in seen:
                seen.add(uri)
                (await client.get(f"{ROOT}/{uri}")).raise_for_status()
        await asyncio.sleep(max(0.0, RELOAD_S - (time.monotonic() - began_s)))


async def cores(server: psutil.Process, url: str, players: int, seconds: float) -> float:
    """What the server used with so many players."""
    limits = httpx.Limits(max_connections=players + 1)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as client:
        tasks = [
            asyncio.create_task(play(client, RELOAD_S * number / players))
            for number in range(players)
        ]
        await asyncio.sleep(2 * RELOAD_S)
        before_s, began_s = sum(server.cpu_times()[:2]), time.monotonic()
        await asyncio.sleep(seconds)
        used = (sum(server.cpu_times()[:2]) - before_s) / (time.monotonic() - began_s)
        failed = [task.exception() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert not failed, failed
    return used


async def until_answering(url: str) -> None:
    """Until the playlist is there."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as client, asyncio.timeout(60):
        while True:
            try:
                if (await client.get(f"{ROOT}/video.m3u8")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)


async def main(seconds: float, many: int, microphones: int) -> None:
    """As a table."""
    table = Table(title="Players of one running recording: the server's CPU")
    for column in ("players", "cores"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory(prefix="haven-bench-") as folder:
        source = Path(folder) / ("film.mkv" if microphones else "film.mp4")
        port = free_port()
        await asyncio.to_thread(film, source, BEGUN + 60 + 4 * seconds, microphones)
        module = ("-m", "scripts.benchmarks.outputs.hls")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *module, "--serve", str(source), "--port", str(port))
        )
        try:
            url = f"http://127.0.0.1:{port}"
            await until_answering(url)
            for players in (0, 1, many):
                used = await cores(psutil.Process(process.pid), url, players, seconds)
                table.add_row(str(players), f"{used:.3f}")
        finally:
            process.terminate()
            await process.wait()
    Console().print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--players", type=int, default=50)
    parser.add_argument("--microphones", type=int, default=0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve, given.port))
    else:
        asyncio.run(main(given.seconds, given.players, given.microphones))
