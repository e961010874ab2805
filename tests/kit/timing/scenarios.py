"""What happens in a room while it is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tests.kit.livekit.publishing import RemotePublisher
from tests.kit.network import Wire


@dataclass(frozen=True)
class World:
    """What a scenario can meddle with."""

    publisher: RemotePublisher
    wire: Wire
    """The recorder's way to the server's signalling."""
    seconds: float
    """How long it is to take."""


async def plain(world: World) -> None:
    """Nothing happens."""
    await asyncio.sleep(world.seconds)


async def mute(world: World) -> None:
    """Audio, then video, is muted for three seconds."""
    for kind in ("audio", "video"):
        await asyncio.sleep((world.seconds - 6) / 3)
        await world.publisher.do(f"mute-{kind}")
        await asyncio.sleep(3)
        await world.publisher.do(f"unmute-{kind}")
    await asyncio.sleep((world.seconds - 6) / 3)


async def rejoin(world: World) -> None:
    """The publisher leaves for three seconds."""
    await asyncio.sleep((world.seconds - 3) / 2)
    await world.publisher.do("leave")
    await asyncio.sleep(3)
    await world.publisher.do("join")
    await asyncio.sleep((world.seconds - 3) / 2)


async def republish(world: World) -> None:
    """Both tracks are unpublished and published again: the same transceivers, other streams."""
    await asyncio.sleep((world.seconds - 2) / 2)
    await world.publisher.do("unpublish")
    await asyncio.sleep(2)
    await world.publisher.do("publish")
    await asyncio.sleep((world.seconds - 2) / 2)


async def resize(world: World) -> None:
    """The video arrives in another size."""
    await asyncio.sleep(world.seconds / 2)
    await world.publisher.do("resize 640x360")
    await asyncio.sleep(world.seconds / 2)


async def reconnect(world: World) -> None:
    """The recorder loses the server for twenty seconds, a third of all at most, and joins anew."""
    outage_s = min(20, world.seconds / 3)
    await asyncio.sleep((world.seconds - outage_s) / 2)
    await world.wire.cut()
    await asyncio.sleep(outage_s)
    await world.wire.restore()
    await asyncio.sleep((world.seconds - outage_s) / 2)


async def everything(world: World) -> None:
    """One after the other."""
    each = replace(world, seconds=world.seconds / 5)
    for happens in (mute, republish, reconnect, rejoin, resize):
        await happens(each)


SCENARIOS: Final[dict[str, tuple[Callable[[World], Awaitable[None]], Sequence[str]]]] = {
    "plain": (plain, ()),
    "dtx": (plain, ("--audio", "dtx")),
    "drift": (plain, ("--drift-ppm", "200")),
    "mute": (mute, ()),
    "rejoin": (rejoin, ()),
    "republish": (republish, ()),
    "reconnect": (reconnect, ()),
    "resize": (resize, ()),
    "catching-up": (plain, ("--pad-kbps", "2500")),
    "everything": (everything, ("--audio", "dtx")),
}
"""What happens, and the publisher's options."""


FROM_THE_JOIN: Final = frozenset({"catching-up"})
"""Recorded from the moment that the publisher has joined."""
