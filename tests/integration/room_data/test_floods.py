"""More data messages a second than are kept, from a real client: what is counted, what it costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil
import pytest
from livekit import rtc

from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from orchestrator.sources.livekit.activity.room_activity import PACKETS_AT_ONCE, PACKETS_PER_S
from tests.integration.room_data.test_recordings import PATIENT, lines, of
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.livekit.voices import participant
from tests.kit.managing import managing
from tests.kit.recordings.waits import FPS, until_more, until_received
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time, pytest.mark.all_only]

SECONDS: Final = 10
AT_ONCE: Final = 500
PERIOD_S: Final = 0.2
"""2500 messages a second are tried."""


async def flood(room: rtc.Room, *, reliable: bool) -> int:
    """Sends as many as it can for some seconds; how many that were."""
    sent, until_s = 0, time.monotonic() + SECONDS
    while time.monotonic() < until_s:
        next_s = time.monotonic() + PERIOD_S
        sends = (
            room.local_participant.publish_data(f"{sent + n:08} " + "x" * 91, reliable=reliable)
            for n in range(AT_ONCE)
        )
        await asyncio.gather(*sends)
        sent += AT_ONCE
        await asyncio.sleep(max(0.0, next_s - time.monotonic()))
    return sent


async def cpu_of(manager: Manager, id: str) -> float:
    """Seconds of the recording's worker so far."""
    pid = (await manager.get(id)).worker_pid
    assert pid is not None
    times = await asyncio.to_thread(lambda: psutil.Process(pid).cpu_times())
    return float(times.user + times.system)


@pytest.mark.parametrize("reliable", [True, False])
async def test_a_flood_is_counted_and_costs_no_frame(
    settings_for: Callable[..., Settings], livekit_server: Server, reliable: bool
) -> None:
    room = f"flood-{reliable}"
    async with (
        managing(settings_for(**PATIENT)) as manager,
        publish(livekit_server, room, height=192),
        participant(livekit_server, room, "flooder") as flooder,
    ):
        started = await manager.start(StartRequest(room, "mp4", None, "low"))
        await until_received(manager, room, FPS)
        quiet_s = await cpu_of(manager, started.id)
        await asyncio.sleep(5)
        before_s = await cpu_of(manager, started.id)
        sent = await flood(flooder, reliable=reliable)
        during_s = await cpu_of(manager, started.id) - before_s
        await until_more(manager, room, 2 * FPS)
        ended = await manager.stop(room)
    found = lines(ended)
    kept = [each["text"][:8] for each in of(found, "data", "flooder")]
    left_out = sum(each["count"] for each in of(found, "left_out"))
    reading = read(Path(ended.output_path))
    print(
        f"reliable={reliable}: sent {sent} in {SECONDS} s, kept {len(kept)}, left out {left_out}; "
        f"worker {(before_s - quiet_s) / 5:.3f} cores before, {during_s / SECONDS:.3f} during; "
        f"frames missing {reading.missing} of {len(reading.numbers)}"
    )
    assert ended.state == "completed"
    assert kept == sorted(set(kept))
    assert len(kept) + left_out <= sent
    assert not reliable or len(kept) + left_out == sent
    assert len(kept) <= PACKETS_AT_ONCE + PACKETS_PER_S * (SECONDS + 10)
    assert reading.in_order
    assert reading.missing <= FPS
