"""How true the times in a recording are: the file against what the publisher's own reports say.

`python -m tests.kit.timing --scenario mute [--loss 5]` makes everything it needs (a LiveKit server,
a publisher, a second subscriber as the reference, a manager), records and prints the figures as
JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestrator.catalog.models import Recording
from orchestrator.logs import configure
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager, create_manager
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server, server_binary, settings_of
from tests.kit.network import UDP_PORT, Wire, lossy, wired
from tests.kit.recordings.copied import decode_errors, event_log
from tests.kit.signals.reading import read
from tests.kit.timing.comparison import Timing, compare
from tests.kit.timing.reference import Reference, observing
from tests.kit.timing.scenarios import FROM_THE_JOIN, SCENARIOS, World


async def record(
    manager: Manager,
    server: Server,
    wire: Wire,
    scenario: str,
    *,
    seconds: float,
    size: str = "1280x720",
    pipeline: str | None = None,
) -> tuple[Timing, Recording]:
    """Records a room in which that happens, and compares the file with the truth."""
    happens, options = SCENARIOS[scenario]
    room = f"timing {scenario}"
    prepare = str(round(seconds) + 20)
    async with (
        publishing(server, room, "--size", size, "--prepare", prepare, *options) as publisher,
        observing(server, room) as reference,
    ):
        if scenario not in FROM_THE_JOIN:
            await _until_seen(reference)
        await manager.start(StartRequest(room, None if pipeline else "mp4", pipeline, "medium"))
        await happens(World(publisher, wire, seconds))
        ended = await manager.stop(room)
        await asyncio.sleep(1)  # so that the last reports count for the last frames
    reading = await asyncio.to_thread(read, Path(ended.output_path))
    return compare(reading, reference), ended


async def _until_seen(reference: Reference) -> None:
    """Waits until frames come; a publisher just begun drops some of its first."""
    began = time.monotonic()
    async with asyncio.timeout(30):
        while time.monotonic() - began < 3 or not reference.seen:
            await asyncio.sleep(0.05)


async def measure(
    scenario: str, *, seconds: float, size: str, folder: Path, pipeline: str | None = None
) -> Timing:
    """One scenario, with a server and a manager of its own."""
    how = {"seconds": seconds, "size": size, "pipeline": pipeline}
    return (await _measured(scenario, folder, **how))[0]


async def _measured(scenario: str, folder: Path, **how: Any) -> tuple[Timing, dict[str, Any]]:
    """The same, and what else is told of it."""
    binary = server_binary()
    assert binary is not None, "no LiveKit server: run scripts/livekit-server"
    server = Server(binary, folder / "livekit.log", UDP_PORT)
    await asyncio.to_thread(server.start)
    async with wired(server.port) as wire:
        manager = create_manager(settings_of(f"ws://127.0.0.1:{wire.port}", folder))
        await manager.open()
        try:
            timing, ended = await record(manager, server, wire, scenario, **how)
            path = Path(ended.output_path)
            return timing, {
                "decode_errors": await asyncio.to_thread(decode_errors, path),
                "unreadable": (await asyncio.to_thread(read, path)).unreadable,
                "frames_undecodable": ended.figures["source"]["frames_undecodable"],
                "log": await event_log(manager, ended),
            }
        finally:
            await manager.close()
            await asyncio.to_thread(server.stop)


def main() -> None:
    """Measure one scenario; prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=SCENARIOS, default="plain")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--loss", type=int, metavar="PERCENT", help="of the packets to subscribers")
    parser.add_argument("--pipeline", help="instead of the one for MP4")
    given = parser.parse_args()
    configure("warning", "console")  # to stderr: what is printed is read by programs
    if given.loss:
        again = [sys.executable, "-m", "tests.kit.timing", "--scenario", given.scenario]
        again += ["--seconds", str(given.seconds), "--size", given.size]
        again += ["--pipeline", given.pipeline] if given.pipeline else []
        with lossy(given.loss) as inside:
            sys.exit(subprocess.run([*inside, *again], check=False).returncode)
    with tempfile.TemporaryDirectory(prefix="haven-timing-") as folder:
        how = {"seconds": given.seconds, "size": given.size, "pipeline": given.pipeline}
        timing, more = asyncio.run(_measured(given.scenario, Path(folder), **how))
        print(json.dumps(asdict(timing) | more, indent=1))


if __name__ == "__main__":
    main()
