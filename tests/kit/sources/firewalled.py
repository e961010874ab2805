"""Programs for both sides of a wall that no UDP passes (`tests.kit.network.walled`).

python -m tests.kit.sources.firewalled outside FOLDER    a LiveKit server with TURN, and a publisher
python -m tests.kit.sources.firewalled inside URL TOKEN  receives; prints the seconds until frames
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from orchestrator.media import LiveKitEndpoint
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server, server_binary
from tests.kit.network import OUTSIDE, TURN_DOMAIN
from tests.kit.sources.watcher import watching

ROOM = "behind"


async def outside(folder: Path) -> None:
    """Publishes until standard input ends."""
    binary = server_binary()
    assert binary is not None
    turn = (
        f"turn: {{enabled: true, domain: {TURN_DOMAIN}, udp_port: 3478, tls_port: 443,"
        f" cert_file: {folder / 'turn.crt'}, key_file: {folder / 'turn.key'},"
        " relay_range_start: 40000, relay_range_end: 40100}\n"
    )
    server = Server(binary, folder / "server.log", host=OUTSIDE, more=turn)
    server.start()
    try:
        async with publish(server, ROOM):
            print(server.url, server.token(ROOM, "recorder"), flush=True)
            await asyncio.to_thread(sys.stdin.read)
    finally:
        server.stop()


async def inside(url: str, token: str) -> None:
    """Receives until video and audio have come."""
    began = time.monotonic()
    async with watching(LiveKitEndpoint(url, token)) as (source, watcher):
        await watcher.until(lambda: len(watcher.publications) == 2)
        await source.subscribe(frozenset(watcher.publications))
        await watcher.until(lambda: len(watcher.times) == 2, 30)
        print(f"{time.monotonic() - began:.2f}", flush=True)


if __name__ == "__main__":
    asyncio.run(outside(Path(sys.argv[2])) if sys.argv[1] == "outside" else inside(*sys.argv[2:4]))
