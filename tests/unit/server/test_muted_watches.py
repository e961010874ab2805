"""Watched streams in which everybody is muted: the unmute begins a recording."""

from __future__ import annotations

import asyncio

from orchestrator.errors import EverybodyMuted, SourceBusy, StreamNotFound
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.watches.watches import Watches
from tests.kit.catalog.rows import recording
from tests.kit.watching import World, only

MUTED = EverybodyMuted("Everything published is muted (microphone audio of 'a' (OPUS)).")


async def begun(world: World, made: Watches, count: int) -> None:
    """So many recordings have begun, without a round."""
    async with asyncio.timeout(5):
        while len(world.started) < count or world.doors or made._muted._tasks:
            await asyncio.sleep(0)


async def test_everybody_muted_is_no_failure_and_the_unmute_begins(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a"))
    world.live_ids, world.refuses = ["a"], MUTED
    for _ in range(3):
        await made.round()
        await asyncio.sleep(0)
    assert (world.doors, world.asked) == (["a"], ["a"]), "it isn't looked for meanwhile"
    outlook = await only(made)
    assert (outlook.muted, outlook.error, outlook.next_try_at) == (True, None, None)
    world.refuses = None
    world.unmuted.set()
    await begun(world, made, 1)
    outlook = await only(made)
    assert (outlook.muted, outlook.recording is not None) == (False, True)
    await made.close()


async def test_who_mutes_again_is_waited_for_again(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a"))
    world.live_ids, world.refuses = ["a"], MUTED
    await made.round()
    for _ in range(3):
        while not world.doors:
            await asyncio.sleep(0)
        world.unmuted.set()
        while world.doors:
            await asyncio.sleep(0)
        world.unmuted.clear()
    while not world.doors:
        await asyncio.sleep(0)
    assert (await only(made)).error is None
    await made.close()
    assert world.doors == []


async def test_a_stream_that_ends_while_muted_is_looked_for_again(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a"))
    world.live_ids, world.refuses = ["a"], MUTED
    await made.round()
    await asyncio.sleep(0)
    world.live_ids, world.refuses_door = [], StreamNotFound("a")
    world.unmuted.set()
    await begun(world, made, 0)
    await made.round()
    assert (await only(made)).muted is False
    assert (await only(made)).error is None
    assert world.asked == ["a", "a"]


async def test_a_door_that_can_not_be_waited_at_is_tried_again_later(world: World) -> None:
    made = world.server()
    await made.add(StartRequest("a"))
    world.live_ids, world.refuses = ["a"], MUTED
    await made.round()
    world.refuses_door = SourceBusy("Too many.", "", retry_after_s=90)
    world.unmuted.set()
    await begun(world, made, 0)
    assert (await only(made)).error is world.refuses_door
    await made.round()
    assert world.asked == ["a"], "not before its time"


async def test_nobody_waits_any_more_when_it_is_cancelled_held_or_recorded(world: World) -> None:
    made = world.server()
    world.live_ids, world.refuses = ["a", "b", "c"], MUTED
    for name in world.live_ids:
        await made.add(StartRequest(name))
    await made.round()
    await asyncio.sleep(0)
    assert sorted(world.doors) == ["a", "b", "c"]
    await made.remove("a")
    await made.hold("b")
    await world.catalog.create(recording("somebody's", "c"))
    await made.round()
    await asyncio.sleep(0)
    assert world.doors == []
    await made.close()
