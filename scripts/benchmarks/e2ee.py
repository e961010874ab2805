"""What end-to-end encryption costs a worker: two rooms alike, one encrypted, recorded at once.

`./scripts/bench e2ee`: three rounds for each of two pipelines, and the median of each figure.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console
from rich.table import Table

from scripts.benchmarks.limit import client_of, status_of
from scripts.benchmarks.receiving.receivers import watch
from tests.kit.livekit.encryption import PASSPHRASE
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server, server_binary
from tests.kit.recordings.machine import Machine

PIPELINES: Final = ("copy", "mp4")
ROOMS: Final = {"plain": (), "encrypted": ("--encrypted",)}
ROUNDS: Final = 3


@dataclass
class Encrypted:
    """One round: workers that record the same at the same time."""

    pipeline: str
    plain_cores: float
    encrypted_cores: float
    undecryptable: int
    """Frames of the encrypted room that no key decrypted."""

    @property
    def ratio(self) -> float:
        """The encrypted room's CPU by the other's."""
        return self.encrypted_cores / self.plain_cores


async def measure(server: Server, seconds: float, folder: Path) -> list[Encrypted]:
    """720p30 VP8 at 2 Mbit/s with audio, some rounds of each pipeline."""
    machine = Machine(folder, server)
    machine.settings["WORKER_IN_RESERVE"] = "true"
    options = ("--size", "1280x720", "--prepare", "60", "--pad-kbps", "2000")
    found = []
    async with (
        publishing(server, "plain", *options, *ROOMS["plain"]),
        publishing(server, "encrypted", *options, *ROOMS["encrypted"]),
        client_of(machine) as client,
    ):
        for pipeline in PIPELINES * ROUNDS:
            found.append(await _round(client, pipeline, seconds))
    return found


async def _round(client: httpx.AsyncClient, pipeline: str, seconds: float) -> Encrypted:
    pids = [await _start(client, room, pipeline) for room in ROOMS]
    (plain, _), (encrypted, _) = await asyncio.gather(*(watch(pid, seconds) for pid in pids))
    row = await status_of(client, "encrypted")
    for room in ROOMS:
        (await client.post("/api/recording/stop", json={"mint_id": room})).raise_for_status()
    return Encrypted(pipeline, plain, encrypted, row["frames_undecryptable"])


async def _start(client: httpx.AsyncClient, room: str, pipeline: str) -> int:
    wish: dict[str, Any] = {"mint_id": room, "pipeline": pipeline, "video_quality": "low"}
    if room == "encrypted":
        wish["e2ee"] = {"passphrase": PASSPHRASE}
    (await client.post("/api/recording/start", json=wish)).raise_for_status()
    while True:
        figures = (await status_of(client, room))["figures"] or {}
        if figures.get("duration_s") and figures["processes"]["worker"]:
            return int(figures["processes"]["worker"]["pid"])
        await asyncio.sleep(0.1)


def show(found: list[Encrypted]) -> None:
    """A row for each pipeline: the median of its rounds."""
    table = Table(title="Workers of an encrypted 720p30 room and of one like it")
    for column in ("pipeline", "plain, cores", "encrypted, cores", "ratio", "not decrypted"):
        table.add_column(column, justify="right")
    for pipeline in PIPELINES:
        rounds = [one for one in found if one.pipeline == pipeline]
        table.add_row(
            pipeline,
            f"{statistics.median(one.plain_cores for one in rounds):.3f}",
            f"{statistics.median(one.encrypted_cores for one in rounds):.3f}",
            f"{statistics.median(one.ratio for one in rounds):.2f}",
            str(sum(one.undecryptable for one in rounds)),
        )
    Console().print(table)


async def main(seconds: float) -> None:
    """Measures and prints."""
    binary = server_binary()
    assert binary is not None, "no LiveKit server: run scripts/livekit-server"
    with tempfile.TemporaryDirectory(prefix="haven-bench-") as name:
        folder = Path(name)
        server = Server(binary, folder / "livekit.log")
        await asyncio.to_thread(server.start)
        try:
            show(await measure(server, seconds, folder))
        finally:
            await asyncio.to_thread(server.stop)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench e2ee", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    asyncio.run(main(parser.parse_args().seconds))
