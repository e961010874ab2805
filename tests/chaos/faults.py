"""The faults themselves: each does its harm, and gives back what it took away."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import psutil

from orchestrator.catalog.models import Recording
from orchestrator.recordings.orphans import writing_into
from orchestrator.recordings.states import RecordingState
from tests.chaos.schedule import COSTS_S, OF_ONE, Fault, Kind
from tests.chaos.verdict import Struck
from tests.chaos.world import BACK_S, World


async def strike(world: World, fault: Fault) -> Struck:
    """Does one fault, and says when it was."""
    room = None if fault.who is None else world.rooms[fault.who]
    if fault.kind in OF_ONE:
        assert room is not None
        began_s = await _OF_ONE[fault.kind](world, room, fault.lasts_s)
    else:
        began_s = await _OF_ALL[fault.kind](world, fault.lasts_s)
    ended_s = began_s if fault.kind in _IN_NO_TIME else world.now_s()
    return Struck(fault.kind, room, began_s, ended_s, COSTS_S.get(fault.kind))


async def _kill_ffmpeg(world: World, room: str, _: float) -> float:
    return await _signal(world, room, _ffmpeg, signal.SIGKILL)


async def _halt_ffmpeg(world: World, room: str, _: float) -> float:
    return await _signal(world, room, _ffmpeg, signal.SIGSTOP)


async def _kill_worker(world: World, room: str, _: float) -> float:
    return await _signal(world, room, _worker, signal.SIGKILL)


async def _publisher_away(world: World, room: str, lasts_s: float) -> float:
    began_s = world.now_s()
    await world.publishers[room].do("host-leave")
    await asyncio.sleep(lasts_s)
    await world.publishers[room].do("host-join")
    return began_s


async def _stall_microphone(world: World, room: str, lasts_s: float) -> float:
    return await _stall(world, room, "audio", lasts_s)


async def _stall_camera(world: World, room: str, lasts_s: float) -> float:
    return await _stall(world, room, "video", lasts_s)


async def _stall(world: World, room: str, kind: str, lasts_s: float) -> float:
    began_s = world.now_s()
    await world.publishers[room].do(f"stall-{kind} {lasts_s}")
    await asyncio.sleep(lasts_s)
    return began_s


async def _step_clock(world: World, lasts_s: float) -> float:
    """Ahead and back, the next time behind and back."""
    assert world.clock is not None
    # Nobody may be about to join: LiveKit takes no token of another hour.
    await world.all_recording()
    began_s = world.now_s()
    world.clock.step()
    await asyncio.sleep(lasts_s)
    world.clock.set_off(0)
    return began_s


async def _kill_server(world: World, _: float) -> float:
    began_s = world.now_s()
    await world.server.end(signal.SIGKILL)
    await world.serve()
    return began_s


async def _replace_server(world: World, _: float) -> float:
    began_s = world.now_s()
    await world.server.end(signal.SIGTERM)
    await world.serve()
    return began_s


async def _kill_zygote(world: World, _: float) -> float:
    async with asyncio.timeout(BACK_S):
        while not (waiting := await _zygotes(world)):
            await asyncio.sleep(0.1)
    began_s = world.now_s()
    waiting[0].kill()
    return began_s


async def _zygotes(world: World) -> list[psutil.Process]:
    listed = (await world.server.get("/api/processes"))["processes"]
    return [psutil.Process(each["pid"]) for each in listed if each["state"] == "waiting"]


async def _cut_power(world: World, _: float) -> float:
    began_s = world.now_s()
    await asyncio.to_thread(world.machine.switch_off)
    await world.server.until_gone()
    await world.serve()
    return began_s


async def _cut_network(world: World, lasts_s: float) -> float:
    began_s = world.now_s()
    await world.wire.cut()
    await asyncio.sleep(lasts_s)
    await world.wire.restore()
    return began_s


async def _restart_livekit(world: World, lasts_s: float) -> float:
    began_s = world.now_s()
    await asyncio.to_thread(world.livekit.stop)
    await asyncio.gather(world.of_publishers("leave"), asyncio.sleep(lasts_s))
    await asyncio.to_thread(world.livekit.start)
    await world.of_publishers("join")
    return began_s


async def _fill_disk(world: World, lasts_s: float) -> float:
    assert world.disk is not None
    began_s = world.now_s()
    await asyncio.to_thread(world.disk.fill, 0)
    await asyncio.sleep(lasts_s)
    await asyncio.to_thread(world.disk.make_room)
    return began_s


_OF_ONE: Final[dict[Kind, Callable[[World, str, float], Awaitable[float]]]] = {
    Kind.FFMPEG_KILLED: _kill_ffmpeg,
    Kind.FFMPEG_HALTED: _halt_ffmpeg,
    Kind.WORKER_KILLED: _kill_worker,
    Kind.PUBLISHER_AWAY: _publisher_away,
    Kind.MICROPHONE_STALLED: _stall_microphone,
    Kind.CAMERA_STALLED: _stall_camera,
}
"""Each returns when it began, and when its harm is done."""

_OF_ALL: Final[dict[Kind, Callable[[World, float], Awaitable[float]]]] = {
    Kind.SERVER_KILLED: _kill_server,
    Kind.SERVER_REPLACED: _replace_server,
    Kind.ZYGOTE_KILLED: _kill_zygote,
    Kind.POWER_CUT: _cut_power,
    Kind.NETWORK_CUT: _cut_network,
    Kind.LIVEKIT_RESTARTED: _restart_livekit,
    Kind.DISK_FULL: _fill_disk,
    Kind.CLOCK_STEPPED: _step_clock,
}

_IN_NO_TIME: Final = {Kind.FFMPEG_KILLED, Kind.FFMPEG_HALTED, Kind.WORKER_KILLED, Kind.POWER_CUT}
"""What they take away is for the recorder to bring back; after a power cut in a new recording."""


async def _signal(
    world: World,
    room: str,
    victim: Callable[[Recording], psutil.Process | None],
    number: signal.Signals,
) -> float:
    async with asyncio.timeout(BACK_S):
        while not _sent(row := await world.active(room, _records), victim, number):
            if victim is _ffmpeg and row.tracks is not None:
                break  # it copies
            await asyncio.sleep(0.1)
    return world.now_s()


def _records(row: Recording) -> bool:
    return row.state in (RecordingState.RECORDING, RecordingState.RECONNECTING)


def _sent(
    row: Recording, victim: Callable[[Recording], psutil.Process | None], number: signal.Signals
) -> bool:
    """Whether there was somebody to send it to."""
    try:
        if (process := victim(row)) is None:
            return False
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return False
    return True


def _ffmpeg(row: Recording) -> psutil.Process | None:
    return next(iter(writing_into(Path(row.work_directory))), None)


def _worker(row: Recording) -> psutil.Process | None:
    return None if row.worker_pid is None else psutil.Process(row.worker_pid)
