"""One chaos run from its seed to its report."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.faults import strike
from tests.chaos.findings import Found, Known, disagreements, find
from tests.chaos.schedule import HARMLESS, OF_THE_SERVER, Fault, Kind, plan
from tests.chaos.verdict import ALLOWED_S, Struck, costly
from tests.chaos.wallclock import why_none
from tests.chaos.world import World, opened


@dataclass
class Report:
    """What happened, what came of it, and what is wrong with that."""

    seed: int
    seconds: float
    faults: list[Struck] = field(default_factory=list)
    recordings: list[Found] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Where catalog and disk disagree, and what is left over."""

    @property
    def problems(self) -> list[str]:
        """All that is not as it has to be; nothing in a good run."""
        of_each = [
            f"{one.room} ({one.id[:8]}): {problem}"
            for one in self.recordings
            for problem in one.problems
        ]
        return of_each + self.left


async def run(
    seed: int,
    folder: Path,
    *,
    seconds: float,
    recordings: int,
    guests: int,
    tell: Callable[[str], None],
    each_s: float = ALLOWED_S,
) -> Report:
    """Records so many rooms for so long while faults strike them; `tell` is called for each.

    `each_s`: what a fault may cost a recording.
    """
    report = Report(seed, seconds)
    async with opened(folder, [f"room {n + 1}" for n in range(recordings)], guests) as world:
        impossible = _impossible(world)
        for kind, why in impossible.items():
            tell(f"left out: {kind}; {why}")
        planned = plan(seed, seconds=seconds, recordings=recordings)
        faults = [fault for fault in planned if fault.kind not in impossible]
        await _strike(world, faults, seconds, report, tell)
        await world.all_recording()
        stopped_s = world.now_s()
        await asyncio.gather(*map(_stop, [world] * recordings, world.rooms))
        harm = [fault for fault in report.faults if fault.what not in HARMLESS]
        struck = costly(harm, OF_THE_SERVER, Kind.WORKER_KILLED)
        report.recordings = await find(world, Known(struck, stopped_s, each_s, guests))
        await world.server.end(signal.SIGTERM)
        report.left = await _left(world)
    return report


def _impossible(world: World) -> dict[Kind, str]:
    """What can't be done here, and why; the other faults stay as the seed has them."""
    found = {}
    if world.disk is None:
        found[Kind.DISK_FULL] = "a disk of its own needs root (CAP_SYS_ADMIN)"
    if (why := why_none()) is not None:
        found[Kind.CLOCK_STEPPED] = why
    return found


async def _strike(
    world: World,
    faults: list[Fault],
    seconds: float,
    report: Report,
    tell: Callable[[str], None],
) -> None:
    began_s = world.now_s()
    for fault in faults:
        await asyncio.sleep(max(0.0, began_s + fault.at_s - world.now_s()))
        await world.all_active()
        struck = await strike(world, fault)
        report.faults.append(struck)
        tell(f"{struck.began_s:6.1f} s  {struck.what}: {struck.room or 'all'}")
    await asyncio.sleep(max(0.0, began_s + seconds - world.now_s()))


async def _stop(world: World, room: str) -> None:
    active = await world.active(room, lambda row: True)
    await world.server.ask("/api/recording/stop", mint_id=room)
    await world.server.until_ended(active.id)


async def _left(world: World) -> list[str]:
    """What is still there when all that ends by itself has had the time to."""
    for _ in range(100):
        if not (left := await disagreements(world)):
            break
        await asyncio.sleep(0.1)
    return left
