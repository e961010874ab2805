"""Pauses a real recording again and again, and reads what its file has of it.

A copy of the same room, which is never paused, says what there was to record: what a busy publisher
left out, and how far its own audio was from its video.

``python -m tests.kit.recordings.paused --pipeline copy`` records a minute with ten pauses.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from orchestrator.catalog.models import Recording
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager, create_manager
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server, server_binary, settings_of
from tests.kit.managing import managing
from tests.kit.recordings.pauses_found import Asked, Found, found
from tests.kit.recordings.waits import FPS, until_more, until_received
from tests.kit.signals.reading import Reading, read

PATIENT: Final[dict[str, Any]] = {"start_timeout_s": 30, "connect_timeout_s": 20}
"""Settings: a publisher and two recordings begin at the same moment, on a busy machine."""


@dataclass
class PausedRecording:
    """A recording of the room `room`, in which a publisher has to be."""

    manager: Manager
    room: str
    asked: list[Asked] = field(default_factory=list)
    unpaused: Reading = field(default_factory=Reading)
    """What the copy has that was never paused."""

    async def pause(self, seconds: float, *, still: bool = False) -> None:
        """Pauses, and goes on."""
        await self.manager.pause(self.room, still=still)
        await asyncio.sleep(seconds)
        began_s, at = time.monotonic(), datetime.now(UTC)
        await self.manager.resume(self.room)
        self.asked.append(Asked(at, time.monotonic() - began_s))


async def record(
    manager: Manager,
    livekit: Server,
    request: StartRequest,
    lengths_s: Sequence[float],
    between: int,
    *,
    live: bool = False,
    still: bool = False,
) -> tuple[Recording, PausedRecording]:
    """Records with a pause of each length, and so many frames between two.

    `live`: the publisher gives keyframes when they are asked for, else one each second.
    """
    room = request.stream_id
    paused = PausedRecording(manager, room)
    beside = manager.settings.output_directory.parent / "unpaused"
    async with publish(livekit, room, live=live), unpaused(livekit, room, beside) as copy:
        await manager.start(request)
        await until_received(manager, room, between)
        for seconds in lengths_s:
            await paused.pause(seconds, still=still)
            await until_more(manager, room, between)
        ended = await manager.stop(room)
        path = Path((await copy.stop(room)).output_path)
    paused.unpaused = await asyncio.to_thread(read, path)
    return ended, paused


@asynccontextmanager
async def unpaused(livekit: Server, room: str, folder: Path) -> AsyncIterator[Manager]:
    """Records a copy of the room with a manager of its own."""
    folder.mkdir()
    manager = create_manager(settings_of(livekit.url, folder, **PATIENT))
    await manager.open()
    try:
        await manager.start(StartRequest(room, "mkv", "copy"))
        yield manager
    finally:
        await manager.close()


async def measured(manager: Manager, ended: Recording, paused: PausedRecording) -> Found:
    """What its file has."""
    rows = await Pauses(manager.catalog).of_recording(ended.id)
    reading = await asyncio.to_thread(read, Path(ended.output_path))
    recorded_s = ended.figures["duration_s"] or 0.0
    return found(reading, paused.unpaused, rows, paused.asked, recorded_s)


async def _main(arguments: argparse.Namespace) -> dict[str, Any]:
    binary = server_binary()
    assert binary is not None, "build it with ./scripts/livekit-server"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        livekit = Server(binary, folder / "livekit.log")
        livekit.start()
        try:
            async with managing(settings_of(livekit.url, folder, **PATIENT)) as manager:
                request = StartRequest("paused", arguments.format, arguments.pipeline, "low")
                lengths_s = [arguments.length_s] * arguments.pauses
                ended, paused = await record(
                    manager,
                    livekit,
                    request,
                    lengths_s,
                    arguments.between,
                    live=arguments.live,
                    still=arguments.still,
                )
                if arguments.keep:
                    arguments.keep.write_bytes(Path(ended.output_path).read_bytes())
                return asdict(await measured(manager, ended, paused))
        finally:
            livekit.stop()


def main() -> None:
    """Prints what it measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipeline")
    parser.add_argument("--format")
    parser.add_argument("--pauses", type=int, default=10)
    parser.add_argument("--length-s", type=float, default=2.0)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--still", action="store_true")
    parser.add_argument("--between", type=int, default=4 * FPS)
    parser.add_argument("--keep", type=Path, help="where to copy the file to")
    print(json.dumps(asyncio.run(_main(parser.parse_args()))))


if __name__ == "__main__":
    main()
