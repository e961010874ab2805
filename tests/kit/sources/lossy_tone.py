"""What is heard of a tone over a network that loses packets, measured in a namespace of its own.

`python -m tests.kit.sources.lossy_tone --loss 3 --seconds 10`: three microphones in a room, all
there before the recorder joins, one of which has a tone of 440 Hz; prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from orchestrator.logs import configure
from orchestrator.media import AUDIO_RATE, SECOND_NS, LiveKitEndpoint
from orchestrator.pipes.timeline import Timeline
from orchestrator.pipes.timeline_items import AudioItem, Item, to_samples
from orchestrator.sources.source import FrameReceived
from tests.kit.livekit.rooms import CHUNK
from tests.kit.livekit.server import Server, server_binary
from tests.kit.network import UDP_PORT, lossy
from tests.kit.sources.watcher import watching

HERTZ: Final = 440
PEAK: Final = 12_000
OWN_STEP: Final = 2 * np.pi * HERTZ / AUDIO_RATE * PEAK
SETTLE_S: Final = 2
"""What is not looked at: the room comes together."""

END_S: Final = 0.1
"""The same at the end: the other microphones' last packets may reach further."""


async def measure(seconds: float, folder: Path) -> dict[str, Any]:
    """Receive for so long, and put it together as a recording does."""
    binary = server_binary()
    assert binary is not None, "run scripts/livekit-server"
    server = Server(binary, folder / "server.log", UDP_PORT)
    await asyncio.to_thread(server.start)
    try:
        async with AsyncExitStack() as stack:
            for number in range(3):
                await stack.enter_async_context(_microphone(server, number))
            return await _hear(server, seconds)
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def _microphone(server: Server, number: int) -> AsyncIterator[None]:
    room, source = rtc.Room(), rtc.AudioSource(AUDIO_RATE, 1, queue_size_ms=500)
    token = server.token("tone", f"speaker-{number}", publish=True)
    await room.connect(server.url, token, rtc.RoomOptions(auto_subscribe=False))
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
    await room.local_participant.publish_track(track, options)
    feeding = asyncio.create_task(_feed(source, 0 if number else PEAK))
    try:
        yield
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await room.disconnect()


async def _feed(source: rtc.AudioSource, peak: int) -> None:
    """As fast as the SDK takes it: its queue spans what a busy machine leaves out."""
    chunk = 0
    while True:
        at = np.arange(chunk * CHUNK, (chunk + 1) * CHUNK) / AUDIO_RATE
        wave = (peak * np.sin(2 * np.pi * HERTZ * at)).astype(np.int16)
        await source.capture_frame(rtc.AudioFrame(wave.tobytes(), AUDIO_RATE, 1, CHUNK))
        chunk += 1


async def _hear(server: Server, seconds: float) -> dict[str, Any]:
    endpoint = LiveKitEndpoint(server.url, server.token("tone", "recorder"))
    timeline, items = Timeline(), list[Item]()
    lateness_ns = [0]

    def listen(event: FrameReceived) -> None:
        assert isinstance(event.frame, av.AudioFrame)
        lateness_ns.append(time.monotonic_ns() - event.time_ns)
        samples = to_samples(event.frame)
        push, concealed = timeline.push_audio, event.concealed
        items.extend(push(event.sid, event.time_ns, samples, concealed=concealed))

    async with watching(endpoint) as (source, watcher):
        await watcher.until(lambda: len(watcher.publications) == 3)
        sids = frozenset(watcher.publications)
        watcher.listeners.append(listen)
        timeline.expect(audio=sids, video=False)
        await source.subscribe(sids)
        await watcher.until(lambda: len(watcher.times) == 3)
        deadline = time.monotonic() + SETTLE_S + seconds
        while time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            items += timeline.tick(time.monotonic_ns())
        # Both at once: frames keep coming until the room is left.
        counts, received = source.statistics(), timeline.statistics().audio.received
    items += timeline.finish()
    audio = timeline.statistics().audio
    return _found(items) | {
        "packets_received": counts.packets_received,
        "packets_lost": counts.packets_lost,
        "concealed_s": audio.concealed / AUDIO_RATE,
        "received_s": received / AUDIO_RATE,
        "late_s": audio.late / AUDIO_RATE,
        "latest_s": max(lateness_ns) / SECOND_NS,
        "frames_received": counts.frames_received,
    }


def _found(items: list[Item]) -> dict[str, Any]:
    parts = [
        np.zeros((item.count, 2), np.int16) if item.samples is None else item.samples
        for item in items
        if isinstance(item, AudioItem)
    ]
    wave: NDArray[np.int64] = np.concatenate(parts)[:, 0].astype(np.int64)
    wave = wave[SETTLE_S * AUDIO_RATE : -round(END_S * AUDIO_RATE)]
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (wave == 0).astype(int), [0]))))
    return {
        "seconds": len(wave) / AUDIO_RATE,
        "longest_zeros": int((edges[1::2] - edges[::2]).max(initial=0)),
        "step": float(np.abs(np.diff(wave)).max() / OWN_STEP),
        "level": float(np.sqrt(np.mean(wave**2.0)) * np.sqrt(2) / PEAK),
    }


def main() -> None:
    """Measure; in a namespace that loses packets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loss", type=int, metavar="PERCENT")
    parser.add_argument("--seconds", type=float, default=10)
    given = parser.parse_args()
    if given.loss:
        again = [
            sys.executable,
            "-m",
            "tests.kit.sources.lossy_tone",
            "--seconds",
            str(given.seconds),
        ]
        with lossy(given.loss) as inside:
            sys.exit(subprocess.run([*inside, *again], check=False).returncode)
    configure("warning", "console")  # to stderr
    with tempfile.TemporaryDirectory(prefix="haven-tone-") as folder:
        print(json.dumps(asyncio.run(measure(given.seconds, Path(folder)))))


if __name__ == "__main__":
    main()
