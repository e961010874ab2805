"""Rooms with audio only, recorded at the same time: how many are taken in, and what they use.

`python -m tests.kit.livekit.audio_rooms --rooms 20 --seconds 30` publishes a microphone in each
from this process, records all with the shipped costs and limits, and prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import mean
from typing import Any, Final

import numpy as np
import psutil
from livekit import rtc

from orchestrator.catalog.models import Recording
from orchestrator.errors import HavenError
from orchestrator.logs import configure
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager, create_manager
from tests.kit.livekit.rooms import AUDIO_RATE
from tests.kit.livekit.server import Server, server_binary, settings_of

CHUNK: Final = AUDIO_RATE // 10


@asynccontextmanager
async def speaking(server: Server, room: str) -> AsyncIterator[rtc.LocalAudioTrack]:
    """A microphone with a tone; its SDK is fed seldom, which costs little."""
    place, source = rtc.Room(), rtc.AudioSource(AUDIO_RATE, 1, queue_size_ms=400)
    token = server.token(room, "speaker", publish=True)
    await place.connect(server.url, token, rtc.RoomOptions(auto_subscribe=False))
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
    await place.local_participant.publish_track(track, options)
    feeding = asyncio.create_task(_feed(source))
    try:
        yield track
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await place.disconnect()


async def _feed(source: rtc.AudioSource) -> None:
    wave = 8000 * np.sin(2 * np.pi * 440 * np.arange(CHUNK) / AUDIO_RATE)
    data = wave.astype(np.int16).tobytes()
    while True:
        await source.capture_frame(rtc.AudioFrame(data, AUDIO_RATE, 1, CHUNK))


async def record(server: Server, manager: Manager, rooms: int, seconds: float) -> dict[str, Any]:
    """All of them; what came of it."""
    names = [f"audio-{number}" for number in range(rooms)]
    async with AsyncExitStack() as stack:
        speakers = (stack.enter_async_context(speaking(server, name)) for name in names)
        await asyncio.gather(*speakers)
        began = time.monotonic()
        starts = await asyncio.gather(*(_start(manager, name) for name in names))
        took_s = time.monotonic() - began
        psutil.cpu_percent()
        await asyncio.sleep(seconds)
        busy = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
        active = await manager.active()
        ended = await asyncio.gather(*(manager.stop(row.stream_id) for row in active))
    measured = [row.figures.get("measured_cores") for row in active]
    return {
        "started": sum(isinstance(one, Recording) for one in starts),
        "refused": [one.error for one in starts if isinstance(one, HavenError)],
        "start_s": round(took_s, 2),
        "reserved_cores": round(sum(row.reserved_cores or 0 for row in active), 3),
        "measured_cores": [round(cores, 3) for cores in measured if cores is not None],
        "mean_cores": round(mean(cores for cores in measured if cores is not None), 4)
        if any(cores is not None for cores in measured)
        else None,
        "machine_busy_cores": round(busy, 2),
        "durations_s": [round(row.figures.get("duration_s") or 0, 1) for row in ended],
        "filled_s": [row.figures["audio"]["filled_s"] for row in ended],
        "states": sorted({row.state for row in ended}),
    }


async def _start(manager: Manager, name: str) -> Recording | HavenError:
    try:
        return await manager.start(StartRequest(name, "mp4"))
    except HavenError as error:
        return error


async def measure(rooms: int, seconds: float, folder: Path, **changes: Any) -> dict[str, Any]:
    """With a server of its own."""
    binary = server_binary()
    assert binary is not None, "run scripts/livekit-server"
    server = Server(binary, folder / "server.log")
    await asyncio.to_thread(server.start)
    limits = {"cpu_limit": 0.85, "speed_step": "auto", "start_timeout_s": 60}
    manager = create_manager(settings_of(server.url, folder, **(limits | changes)))
    await manager.open()
    try:
        return await record(server, manager, rooms, seconds)
    finally:
        await manager.close()
        await asyncio.to_thread(server.stop)


def main() -> None:
    """Measure; prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    given = parser.parse_args()
    configure("warning", "console")
    with tempfile.TemporaryDirectory(prefix="haven-audio-") as folder:
        print(json.dumps(asyncio.run(measure(given.rooms, given.seconds, Path(folder))), indent=1))


if __name__ == "__main__":
    main()
