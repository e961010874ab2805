"""A room with several people becomes a file in which everybody is heard."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import Server
from tests.kit.recordings.waits import until_duration
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


async def until_warned(manager: Manager, room: str, words: str, *, warned: bool) -> float:
    """Waits until a warning has these words, or none has; returns the recording's length then."""
    async with asyncio.timeout(20):
        while True:
            row = await manager.status(room)
            assert row is not None
            if any(words in each for each in row.figures["warnings"]) is warned:
                return float(row.figures["duration_s"])
            await asyncio.sleep(0.05)


async def test_everybody_is_heard_while_there_and_who_is_not_is_warned_of(
    manager: Manager, livekit_server: Server
) -> None:
    room = "everybody"
    async with conference(livekit_server, room, width=160, height=96) as people:
        anna, ben = people.guests
        await manager.start(StartRequest(room, "mp4", None, "low"))
        await until_duration(manager, room, 3)
        people.late.stalled = True
        await people.late.join()
        await until_warned(manager, room, "'speaker-2'", warned=True)
        people.late.stalled = False
        came = await until_warned(manager, room, "'speaker-2'", warned=False)
        await until_duration(manager, room, came + 2)
        await anna.leave()
        left = await until_warned(manager, room, "'speaker-2'", warned=False)
        await until_duration(manager, room, left + 3)
        ended = await manager.stop(room)
    kinds = [event.kind for event in await manager.catalog.events(ended.id)]
    assert (kinds.count("missing"), kinds.count("arriving")) == (1, 1)
    reading = read(Path(ended.output_path))
    assert reading.beeps, "the host is heard"
    tones = reading.tones
    begun = round(2 * left) - 2
    assert tones.all_of((anna.tone, ben.tone), 0.5, left - 0.5) == begun, tones
    everybody = (anna.tone, ben.tone, people.late.tone)
    assert tones.all_of(everybody, came, came + 1.5) == 3, tones
    assert tones.all_of((ben.tone, people.late.tone), left) >= 2 * 3 - 1, tones
    assert anna.tone not in tones.rows[-2], "who left is not heard"
