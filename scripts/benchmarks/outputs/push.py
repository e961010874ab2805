"""What pushes cost beside their recording, and how late frames arrive at who receives them.

`./scripts/bench push`: a real LiveKit room (720p at 30 frames a second, three microphones) is
recorded by a server of its own process; without a push at first, then with one by each protocol.
Frames carry their number, and so the moment of their capture; receivers decode them and look at the
same clock. RTMP and SRT are received by an ffmpeg that listens, WHIP by the same LiveKit server,
from where somebody in another room gets it: its jitter buffers count, too.
"""

from __future__ import annotations

import argparse
import asyncio
import pickle
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from livekit import api, rtc
from rich.console import Console
from rich.table import Table

from tests.kit.fakes import REAL
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import KEY, SECRET, Server
from tests.kit.ports import free_port
from tests.kit.pushes.receivers import INPUT
from tests.kit.pushes.rooms import begin, may_push, output, pushes, stop, until_active, whip_server
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.signals.codes import encoded, read_code

FPS: Final = 30
SIZE: Final = (1280, 720)
SMALL: Final = (320, 180)
"""What receivers look at."""
SETTLE_S: Final = 4.0
"""Behind a start, and behind a push's first frame."""


@dataclass(frozen=True)
class Case:
    """A recording."""

    name: str
    codec: str
    """Of the publisher."""
    asked: dict[str, str]
    protocols: tuple[str, ...]


CASES: Final = (
    Case("mp4", "vp8", {"output_format": "mp4"}, ("rtmp", "srt", "whip")),
    Case("copy of H.264", "h264", {"pipeline": "copy"}, ("rtmp", "srt", "whip")),
    Case("copy of VP8", "vp8", {"pipeline": "copy"}, ("rtmp",)),
)


@dataclass
class Watcher:
    """Where a push leads to, and what arrives there."""

    output: dict[str, str]
    began_s: float
    late_s: list[float] = field(default_factory=list)

    def take(self, luma: Any) -> None:
        """A frame that has arrived now."""
        if (number := read_code(luma)) is not None:
            self.late_s.append(time.monotonic() - self.began_s - number / FPS)


@dataclass(frozen=True)
class Row:
    """Of one protocol, or of none. Cores, and seconds."""

    case: str
    protocol: str
    encodes: str
    worker: float
    recording_ffmpeg: float
    push_ffmpeg: float = 0.0
    late_s: tuple[float, ...] = ()
    behind_s: float | None = None


@dataclass(frozen=True)
class Running:
    """A recording that runs."""

    machine: Machine
    server: ServerProcess
    id: str


@asynccontextmanager
async def listening(kind: str, began_s: float) -> AsyncIterator[Watcher]:
    """An ffmpeg takes the push by RTMP or SRT."""
    port = free_port()
    url = f"rtmp://127.0.0.1:{port}/live/key" if kind == "rtmp" else f"srt://127.0.0.1:{port}"
    own = url if kind == "rtmp" else f"{url}?mode=listener"
    look = ["-map", "0:v:0", "-vf", f"scale={SMALL[0]}:{SMALL[1]}", "-fps_mode", "passthrough"]
    process = await asyncio.create_subprocess_exec(
        *(str(REAL), "-v", "error", "-nostdin", "-threads", "1", "-flags", "low_delay"),
        *("-fflags", "nobuffer", *INPUT[kind], "-i", own, *look),
        *("-pix_fmt", "gray", "-f", "rawvideo", "-"),
        stdout=PIPE,
    )
    watcher = Watcher(output(url), began_s)
    reading = asyncio.create_task(_read(process, watcher))
    try:
        yield watcher
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(process: asyncio.subprocess.Process, watcher: Watcher) -> None:
    assert process.stdout is not None
    while True:
        data = await process.stdout.readexactly(SMALL[0] * SMALL[1])
        watcher.take(np.frombuffer(data, np.uint8).reshape(SMALL[1], SMALL[0]))


@asynccontextmanager
async def subscribing(livekit: Server, began_s: float) -> AsyncIterator[Watcher]:
    """LiveKit takes the push by WHIP, and a client of it has its video."""
    name = f"pushed {time.monotonic_ns()}"
    grants = api.VideoGrants(room_join=True, room=name, can_publish=True)
    token = api.AccessToken(KEY, SECRET).with_identity("push").with_grants(grants).to_jwt()
    url = livekit.url.replace("ws://", "whip+http://") + "/whip/v1"
    watcher, room = Watcher(output(url, token=token), began_s), rtc.Room()
    tasks: list[asyncio.Task[None]] = []

    @room.on("track_subscribed")
    def subscribed(track: Any, *_: object) -> None:
        if isinstance(track, rtc.RemoteVideoTrack):
            tasks.append(asyncio.create_task(_watch(track, watcher)))

    await room.connect(livekit.url, livekit.token(name, "watcher"))
    try:
        yield watcher
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await room.disconnect()


async def _watch(track: rtc.RemoteVideoTrack, watcher: Watcher) -> None:
    async for event in rtc.VideoStream(track, format=rtc.VideoBufferType.I420):
        frame = event.frame
        luma = np.frombuffer(frame.data, np.uint8)[: frame.width * frame.height]
        watcher.take(luma.reshape(frame.height, frame.width))


async def used(processes: dict[str, psutil.Process], seconds: float) -> dict[str, float]:
    """Cores of each over so long."""
    before = {name: sum(each.cpu_times()[:2]) for name, each in processes.items()}
    began_s = time.monotonic()
    await asyncio.sleep(seconds)
    took_s = time.monotonic() - began_s
    return {
        name: (sum(each.cpu_times()[:2]) - before[name]) / took_s
        for name, each in processes.items()
    }


async def of_recording(server: ServerProcess, id: str) -> dict[str, psutil.Process]:
    """Its worker, and its ffmpeg if it has one."""
    found = (await server.recording(id))["figures"]["processes"]
    pids = {role: (found.get(role) or {}).get("pid") for role in ("worker", "ffmpeg")}
    return {role: psutil.Process(pid) for role, pid in pids.items() if pid}


async def without(running: Running, case: Case, seconds: float) -> Row:
    """The recording alone."""
    cores = await used(await of_recording(running.server, running.id), seconds)
    return Row(case.name, "none", "", cores["worker"], cores.get("ffmpeg", 0.0))


async def pushed(running: Running, case: Case, watcher: Watcher, seconds: float) -> Row:
    """With one push, which is removed again."""
    machine, server, id = running.machine, running.server, running.id
    kind = watcher.output["url"].partition(":")[0].partition("+")[0]
    number = len(await pushes(server, id))
    path = f"/api/recordings/{id}/outputs"
    (await server.client.post(path, json=watcher.output)).raise_for_status()
    row = await until_active(server, id, number)
    await asyncio.sleep(SETTLE_S)
    (ffmpeg,) = [p for p in machine.processes() if p.cmdline()[-1:] == ["$PUSH_TARGET"]]
    processes, first = {**await of_recording(server, id), "push": ffmpeg}, len(watcher.late_s)
    cores = await used(processes, seconds)
    late_s = tuple(watcher.late_s[first:])
    behind_s = (await pushes(server, id))[number]["figures"]["behind_s"]
    (await server.client.delete(f"{path}/{row['id']}")).raise_for_status()
    encodes = " and ".join(row["figures"]["encodes"]) or "nothing"
    recording = cores["worker"], cores.get("ffmpeg", 0.0)
    return Row(case.name, kind, encodes, *recording, cores["push"], late_s, behind_s)


async def measure(
    livekit: Server, folder: Path, case: Case, prepared: Path, seconds: float
) -> list[Row]:
    """One recording of a room of its own."""
    machine, room, began_s = may_push(Machine(folder, livekit)), case.name, time.monotonic()
    options = ("--video", case.codec, "--size", f"{SIZE[0]}x{SIZE[1]}", "--guests", "2")
    sent = (*options, "--prepared", str(prepared), "--began", str(began_s))
    async with publishing(livekit, room, *sent), machine.serving() as server:
        id = await begin(server, room, **case.asked)
        await server.until_recorded(id, SETTLE_S)
        running = Running(machine, server, id)
        rows = [await without(running, case, seconds)]
        for kind in case.protocols:
            to = subscribing(livekit, began_s) if kind == "whip" else listening(kind, began_s)
            async with to as watcher:
                rows.append(await pushed(running, case, watcher, seconds))
        await stop(server, room, id)
    return rows


def show(rows: list[Row]) -> None:
    """As a table."""
    table = Table(title="Pushes: CPU beside the recording's, and from capture to the receiver")
    right = ("worker", "its ffmpeg", "push's ffmpeg", "of the recording", "late (median)", "95 %")
    for column in ("recording", "push", "encodes"):
        table.add_column(column)
    for column in (*right, "behind"):
        table.add_column(column, justify="right")
    alone = {row.case: row for row in rows if row.protocol == "none"}
    for row in rows:
        table.add_row(row.case, row.protocol, row.encodes, *_figures(row, alone[row.case]))
    Console(width=140).print(table)


def _figures(row: Row, alone: Row) -> tuple[str, ...]:
    own = f"{row.worker:.3f}", f"{row.recording_ffmpeg:.3f}"
    if row is alone:
        return (*own, "", "", "", "", "")
    more = row.push_ffmpeg + row.worker - alone.worker
    share = more / (alone.worker + alone.recording_ffmpeg)
    late = statistics.quantiles(row.late_s, n=20)
    behind = "" if row.behind_s is None else f"{row.behind_s:.2f} s"
    median = statistics.median(row.late_s)
    shown = f"{row.push_ffmpeg:.3f}", f"{share:+.0%}", f"{median:.2f} s", f"{late[-1]:.2f} s"
    return (*own, *shown, behind)


async def main(seconds: float) -> None:
    """All cases, one after the other."""
    longest = round(20 + 4 * (seconds + 2 * SETTLE_S))
    with tempfile.TemporaryDirectory(prefix="haven-bench-") as name:
        folder, prepared = Path(name), dict[str, Path]()
        for codec in sorted({case.codec for case in CASES}):
            how = {"width": SIZE[0], "height": SIZE[1], "fps": FPS, "seconds": longest}
            frames = await asyncio.to_thread(encoded, codec, **how)
            prepared[codec] = folder / codec
            prepared[codec].write_bytes(pickle.dumps(frames))
        with whip_server(folder) as livekit:
            rows = []
            for number, case in enumerate(CASES):
                (made := folder / str(number)).mkdir()
                its = prepared[case.codec]
                rows += await measure(livekit, made, case, its, seconds)
                print(f"{case.name} is measured", file=sys.stderr)
    show(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    asyncio.run(main(parser.parse_args().seconds))
