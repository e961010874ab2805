"""What comes of a video, encoded, over a network that loses packets, in a namespace of its own.

`python -m tests.kit.sources.lossy_video --loss 15 --seconds 10 --codec vp8`: prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from orchestrator.logs import configure
from orchestrator.media import LiveKitEndpoint, TrackKind
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server, server_binary
from tests.kit.network import UDP_PORT, lossy
from tests.kit.sources.encoded import codes_of
from tests.kit.sources.watcher import watching

ROOM = "lossy"


async def measure(codec: str, seconds: float, folder: Path) -> dict[str, Any]:
    """Receive for so long."""
    binary = server_binary()
    assert binary is not None, "run scripts/livekit-server"
    server = Server(binary, folder / "server.log", UDP_PORT)
    await asyncio.to_thread(server.start)
    try:
        async with publish(server, ROOM, video=codec, width=640, height=360):
            return await _receive(server, seconds)
    finally:
        await asyncio.to_thread(server.stop)


async def _receive(server: Server, seconds: float) -> dict[str, Any]:
    endpoint = LiveKitEndpoint(server.url, server.token(ROOM, "recorder"))
    async with watching(endpoint, encoded=True) as (source, watcher):
        await watcher.until(lambda: len(watcher.publications) == 2)
        await source.subscribe(frozenset(watcher.publications))
        video = watcher.sid(TrackKind.VIDEO)
        await watcher.until(lambda: video in watcher.encoded, 30)
        deadline = time.monotonic() + seconds
        await watcher.until(lambda: time.monotonic() > deadline, seconds + 10)
        counts, frames = source.statistics(), watcher.encoded[video][:]
    return {
        "codes": codes_of(frames),
        "keyframes": [frame.keyframe for frame in frames],
        "packets_lost": counts.packets_lost,
        "frames_undecodable": counts.frames_undecodable,
        "keyframes_requested": counts.keyframes_requested,
    }


def main() -> None:
    """Measure; in a namespace that loses packets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loss", type=int, metavar="PERCENT")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--codec", default="vp8")
    given = parser.parse_args()
    if given.loss:
        program = [sys.executable, "-m", "tests.kit.sources.lossy_video"]
        program += ["--seconds", str(given.seconds), "--codec", given.codec]
        with lossy(given.loss) as inside:
            sys.exit(subprocess.run([*inside, *program], check=False).returncode)
    configure("warning", "console")  # to stderr
    with tempfile.TemporaryDirectory(prefix="haven-video-") as folder:
        print(json.dumps(asyncio.run(measure(given.codec, given.seconds, Path(folder)))))


if __name__ == "__main__":
    main()
