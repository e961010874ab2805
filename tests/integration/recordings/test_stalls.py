"""A microphone that stalls in a real room: what comes after stands in its place, others go on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from statistics import median

import pytest

from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from tests.kit.livekit.crowd import microphones
from tests.kit.livekit.publishing import RemotePublisher, publishing
from tests.kit.livekit.server import Server
from tests.kit.recordings.waits import until_duration
from tests.kit.signals.reading import Reading, read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

WITHIN_S = 0.06
"""How far beeps may be from where they were beside their flashes before the stall."""


async def stall(manager: Manager, room: str, host: RemotePublisher, stall_s: float) -> float:
    """Has the microphone stall, and waits until four seconds more are recorded.

    Returns when it began, in the recording.
    """
    row = await manager.status(room)
    assert row is not None
    began_s = float(row.figures.get("duration_s") or 0)
    await host.do(f"stall-audio {stall_s}")
    await until_duration(manager, room, began_s + stall_s + 4)
    return began_s


def offsets(reading: Reading, start_s: float, end_s: float) -> list[float]:
    """How much later than each flash of that time the nearest beep sounds."""
    flashes = [flash for flash in reading.flashes if start_s < flash < end_s]
    assert flashes, reading.flashes
    return [min((beep - flash for beep in reading.beeps), key=abs) for flash in flashes]


@pytest.mark.all_only
@pytest.mark.timeout(120)
async def test_a_microphone_that_stalls_is_heard_again_at_once_and_in_step(
    manager: Manager, livekit_server: Server
) -> None:
    room = "stalls"
    async with (
        publishing(livekit_server, room, "--size", "320x180") as host,
        microphones(livekit_server, room, 2) as guests,
    ):
        started = await manager.start(StartRequest(room, "mp4"))
        await until_duration(manager, room, 4)
        began_s = [await stall(manager, room, host, 0.4)]
        async with microphones(livekit_server, room, 1, first=2) as (late,):
            began_s.append(await stall(manager, room, host, 3))
        ended = await manager.stop(room)
    assert ended.id == started.id
    audio = ended.figures["audio"]
    assert audio["late_s"] <= 0.3, "3 to 8 s before, until the next sender report"
    reading = await asyncio.to_thread(read, Path(ended.output_path))
    assert reading.audio_gaps == 0
    usual = median(offsets(reading, 0.5, began_s[0] - 0.5))
    for at_s, stall_s in zip(began_s, (0.4, 3), strict=True):
        back_s = at_s + stall_s + 2  # within a second; the figures are up to one old
        assert offsets(reading, back_s, back_s + 2) == pytest.approx([usual] * 2, abs=WITHIN_S)
    assert not [beep for beep in reading.beeps if 1 < beep - began_s[1] < 3], "it stalled"
    tones = [guest.tone for guest in guests]
    goes_on = reading.tones.between(0.5, reading.audio_end_s - 0.5)
    assert all(row.issuperset(tones) for row in goes_on), reading.tones
    with_late = reading.tones.between(began_s[1] + 1, began_s[1] + 6)
    assert all(row.issuperset([*tones, late.tone]) for row in with_late), reading.tones
