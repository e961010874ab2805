"""What HLS adds to a recording: CPU of worker, ffmpeg and server together, bytes, time to play.

`./scripts/bench hls-recording`: a real room of 720p30 in H.264 is recorded again and again, with an
output of HLS and without; while it is, a player plays it for a while, then nobody, in turn, so that
whatever else the machine does meets all alike. Then many play one recording. Players aren't
counted. What is compared are medians of windows in the same recording.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from scripts.benchmarks.machine import machine as machine_now
from scripts.benchmarks.outputs.players import RELOAD_S, players
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server, server_binary
from tests.kit.recordings.hls_player import listed
from tests.kit.recordings.machine import Machine, ServerProcess

ROOM: Final = "bench"
SETTLE_S: Final = 4.0
COLUMNS: Final = (
    *("pipeline", "output", "cores", "played", "more", "server", "played", "more"),
    *("file kB/s", "written", "played", "first piece s", "latest"),
)
OUTPUTS: Final[dict[str, list[dict[str, Any]]]] = {
    "no output": [],
    "output": [{"type": "hls"}],
    "low latency": [{"type": "hls", "low_latency": True}],
}
WITH_PARTS: Final = ("mp4", "av1", "av1-svt")
MEDIA: Final = frozenset({".mp4", ".webm", ".mkv"})


@dataclass(frozen=True, slots=True)
class Used:
    """By all processes of a recorder, or in a time of it."""

    server_s: float
    """CPU of the server's process."""
    all_s: float
    written: int
    """Bytes that went to the disk's cache."""
    files: int
    """Bytes of media files."""
    at_s: float

    def since(self, before: Used) -> Window:
        """What was used from then to now."""
        passed_s = self.at_s - before.at_s
        return Window(
            (self.server_s - before.server_s) / passed_s,
            (self.all_s - before.all_s) / passed_s,
            (self.written - before.written) / passed_s,
            (self.files - before.files) / passed_s,
        )


@dataclass(frozen=True, slots=True)
class Window:
    """Cores, and bytes a second."""

    server: float
    all: float
    written_bps: float
    files_bps: float


@dataclass
class Found:
    """Of one pipeline with one kind of output."""

    pipeline: str
    output: str
    nobody: list[Window] = field(default_factory=list)
    played: list[Window] = field(default_factory=list)
    first_piece_s: list[float] = field(default_factory=list)
    """From the first frame to the first piece, in each recording."""


class Recorder:
    """A server on a machine of its own, and what its processes use."""

    def __init__(self, machine: Machine, server: ServerProcess) -> None:
        self._machine, self.server = machine, server
        self.url, self.get, self.post = server.url, server.get, server.post

    def used(self) -> Used:
        """So far; processes that end meanwhile would be missing, and none does."""
        all_s, written, server_s = 0.0, 0, 0.0
        for process in self._machine.processes():
            with suppress(psutil.NoSuchProcess), process.oneshot():
                own_s, own = sum(process.cpu_times()[:2]), process.io_counters()
                all_s, written = all_s + own_s, written + own.write_bytes
                if process.pid == self.server.process.pid:
                    server_s = own_s
        media = (path for path in self._machine.out.rglob("*") if path.suffix in MEDIA)
        return Used(
            server_s, all_s, written, sum(p.stat().st_size for p in media), time.monotonic()
        )

    async def window(self, seconds: float) -> Window:
        """From now on."""
        before = await asyncio.to_thread(self.used)
        await asyncio.sleep(seconds)
        return (await asyncio.to_thread(self.used)).since(before)


async def first_piece(recorder: Recorder, id: str, root: str) -> float:
    """When the first piece of the playlist has come, in seconds from the first frame."""
    async with httpx.AsyncClient(base_url=recorder.url, timeout=30) as client:
        while (answer := await client.get(f"{root}/video.m3u8")).status_code != 200:
            assert answer.status_code == 503, answer.text
        first = listed(answer.text)[0]
        for uri in (first.init, first.uri):
            (await client.get(f"{root}/{uri}")).raise_for_status()
    came_at = time.time()
    began = datetime.fromisoformat((await recorder.get(f"/api/recordings/{id}"))["started_at"])
    return came_at - began.timestamp()


@asynccontextmanager
async def recording(recorder: Recorder, found: Found) -> AsyncIterator[str]:
    """One; where its HLS is, once it has a piece and has settled."""
    how = {"pipeline": found.pipeline, "outputs": OUTPUTS[found.output]}
    await recorder.post("/api/recording/start", mint_id=ROOM, **how)
    active = (await recorder.get("/api/recordings?state=recording"))["recordings"]
    id = str(active[0]["id"])
    root = f"/api/recordings/{id}/hls"
    found.first_piece_s.append(await first_piece(recorder, id, root))
    await asyncio.sleep(SETTLE_S)
    yield root
    await recorder.post("/api/recording/stop", mint_id=ROOM)
    row = await recorder.server.until_ended(id)
    assert row["state"] == "completed", row


async def measure(recorder: Recorder, found: Found, seconds: float, windows: int) -> None:
    """One recording, with so many windows of both kinds in turn."""
    async with recording(recorder, found) as root:
        for _ in range(windows):
            found.nobody.append(await recorder.window(seconds))
            parts = found.output == "low latency"
            async with players(recorder.url, root, 1, parts=parts):
                await asyncio.sleep(RELOAD_S)
                found.played.append(await recorder.window(seconds))
            await asyncio.sleep(RELOAD_S)


async def measure_many(recorder: Recorder, found: Found, seconds: float, count: int) -> None:
    """As `measure`, with many who play it."""
    async with recording(recorder, found) as root:
        found.nobody.append(await recorder.window(seconds))
        async with players(recorder.url, root, count, parts=False):
            await asyncio.sleep(2 * RELOAD_S)
            found.played.append(await recorder.window(seconds))


def middle(windows: Sequence[Window], of: Callable[[Window], float]) -> float:
    """The median."""
    return statistics.median(map(of, windows))


def show(found: Sequence[Found], many: Found, count: int) -> None:
    """A row for each pipeline and kind of output."""
    table = Table(title="A recording of 720p30 with one player, and without")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in COLUMNS[:2] else "right")
    for one in found:
        table.add_row(one.pipeline, one.output, *_cells(one))
    Console(width=140).print(table)
    server = [f"{middle(each, lambda w: w.server):.3f}" for each in (many.nobody, many.played)]
    print(
        f"the server's cores with nobody and with {count} players of one {many.pipeline}: {server}"
    )


def _cells(one: Found) -> list[str]:
    pairs = list(zip(one.nobody, one.played, strict=True))
    ratio = statistics.median(played.all / nobody.all for nobody, played in pairs)
    added = middle(one.played, lambda w: w.server) - middle(one.nobody, lambda w: w.server)
    without = middle(one.nobody, lambda w: w.all)
    return [
        f"{without:.3f}",
        f"{middle(one.played, lambda w: w.all):.3f}",
        f"{ratio - 1:+.1%}",
        f"{middle(one.nobody, lambda w: w.server):.4f}",
        f"{middle(one.played, lambda w: w.server):.4f}",
        f"{added / without:+.1%}",
        f"{1e-3 * middle([*one.nobody, *one.played], lambda w: w.files_bps):.0f}",
        *(
            f"{1e-3 * middle(each, lambda w: w.written_bps):.0f}"
            for each in (one.nobody, one.played)
        ),
        f"{statistics.median(one.first_piece_s):.2f}",
        f"{max(one.first_piece_s):.2f}",
    ]


async def main(given: argparse.Namespace) -> None:
    """Measures and prints."""
    binary = server_binary()
    assert binary is not None, "no LiveKit server: run scripts/livekit-server"
    with tempfile.TemporaryDirectory(prefix="haven-bench-", dir=given.folder) as name:
        server = Server(binary, Path(name) / "livekit.log")
        await asyncio.to_thread(server.start)
        try:
            await measure_all(server, Path(name), given)
        finally:
            await asyncio.to_thread(server.stop)


async def measure_all(server: Server, folder: Path, given: argparse.Namespace) -> None:
    """One server, one room."""
    machine = Machine(folder, server)
    machine.settings["WORKER_IN_RESERVE"] = "true"
    sent = ("--size", given.size, "--video", "h264", "--prepare", "60")
    pipelines = given.formats.split(",")
    found = [
        Found(pipeline, output)
        for pipeline in pipelines
        for output in OUTPUTS
        if output != "low latency" or pipeline in WITH_PARTS
    ]
    many = Found(pipelines[0], "no output")
    print(machine_now())
    async with publishing(server, ROOM, *sent), machine.serving() as serving:
        recorder = Recorder(machine, serving)
        for one in found:
            for _ in range(given.recordings):
                await measure(recorder, one, given.seconds, given.windows)
            print(one.pipeline, one.output, *_cells(one), flush=True)
        await measure_many(recorder, many, given.seconds, given.players)
        await serving.end(signal.SIGTERM)
    show(found, many, given.players)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench hls-recording", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of a window")
    parser.add_argument("--windows", type=int, default=3, help="of each kind in a recording")
    parser.add_argument("--recordings", type=int, default=2, help="with each kind of output")
    parser.add_argument("--formats", default="mp4,webm,av1-svt,copy", help="pipelines, by name")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--players", type=int, default=50, help="of one recording, in the end")
    parser.add_argument("--folder", type=Path, help="on a real disk; else the temporary one")
    asyncio.run(main(parser.parse_args()))
