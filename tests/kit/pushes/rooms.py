"""Recordings of real rooms with pushes, by the API of a server of its own; and what arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import av
import pytest

from tests.kit.livekit.server import Server, server_binary
from tests.kit.recordings.machine import Machine, ServerProcess
from tests.kit.signals.reading import Reading, read
from tests.kit.signals.tones import TONES

LEAST_S: Final = 0.3
"""Who is heard for longer is compared: a decoder that begins in the middle clicks, in which there
is every tone."""


def may_push(machine: Machine) -> Machine:
    """Its servers send to this machine, and wait for a busy one."""
    machine.settings |= {"ALLOW_PRIVATE_TARGETS": "true", "START_TIMEOUT_S": "60"}
    return machine


@contextmanager
def whip_server(folder: Path) -> Iterator[Server]:
    """A LiveKit server that ffmpeg's WHIP reaches."""
    binary = server_binary()
    if binary is None:
        pytest.fail("no LiveKit server: run scripts/livekit-server, which builds it")
    server = Server(binary, folder / "livekit.log", loopback=True)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def output(url: str, **more: str) -> dict[str, str]:
    """What is asked for."""
    return {"type": "push", "url": url, **more}


async def begin(server: ServerProcess, room: str, *outputs: dict[str, str], **how: Any) -> str:
    """Records a room with these outputs; the recording's id."""
    answer = await server.ask_to_start(room, outputs=list(outputs), **how)
    assert answer.status_code == 200, answer.text
    listed = (await server.get("/api/recordings?state=recording"))["recordings"]
    return next(str(row["id"]) for row in listed if row["mint_id"] == room)


async def pushes(server: ServerProcess, id: str) -> list[dict[str, Any]]:
    """How the recording's outputs stand."""
    found: list[dict[str, Any]] = (await server.get(f"/api/recordings/{id}/outputs"))["outputs"]
    return found


async def until_push(
    server: ServerProcess, id: str, reached: Callable[[dict[str, Any]], bool], number: int = 0
) -> dict[str, Any]:
    """Waits until a push stands as wanted."""
    row: dict[str, Any] = {}
    try:
        async with asyncio.timeout(60):
            while not reached(row := (await pushes(server, id))[number]):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(row) from None
    return row


async def until_active(server: ServerProcess, id: str, number: int = 0) -> dict[str, Any]:
    """Waits until it is being sent."""
    return await until_push(server, id, lambda row: row["state"] == "active", number)


async def until_recorded_more(server: ServerProcess, id: str, seconds: float) -> None:
    """Waits until so much more of it is recorded."""
    now = (await server.recording(id))["duration_seconds"] or 0
    await server.until_recorded(id, now + seconds)


async def stop(server: ServerProcess, room: str, id: str) -> dict[str, Any]:
    """Ends the recording; its row."""
    await server.post("/api/recording/stop", mint_id=room)
    return await server.until_ended(id)


async def states(server: ServerProcess, id: str) -> list[str]:
    """Changes of outputs, as the event log has them."""
    events = (await server.get(f"/api/recordings/{id}/events?limit=1000"))["events"]
    return [each["message"] for each in events if each["kind"] in ("output", "push")]


def arrived(path: Path, recorded: Reading) -> Reading:
    """What a receiver wrote: a run of the recording's frames, each at its time, and who is heard
    in the recording is heard there then.
    """
    got = read(path)
    first = position(recorded.numbers, got.numbers)
    of_recording = recorded.codes[first : first + len(got.codes)]
    shifts = [at - there for (at, _), (there, _) in zip(of_recording, got.codes, strict=True)]
    assert max(shifts) - min(shifts) < 0.004, "FLV counts milliseconds"
    shift = shifts[0]
    span = of_recording[0][0], of_recording[-1][0]
    expected = dict(clipped(recorded, *span))
    found = dict(clipped(got, span[0] - shift, span[1] - shift, shift))
    assert found.keys() == expected.keys()
    for tone, spans in expected.items():
        assert len(found[tone]) == len(spans), (tone, found[tone], spans)
        for (a, b), (c, d) in zip(found[tone], spans, strict=True):
            assert max(abs(a - c), abs(b - d)) < 0.15, (tone, found[tone], spans)
    return got


def position(numbers: list[int], part: list[int]) -> int:
    """Where the part stands in the numbers, as it is."""
    assert part, "something arrived"
    for first, number in enumerate(numbers):
        if number == part[0] and numbers[first : first + len(part)] == part:
            return first
    missing = sorted(set(range(part[0], part[-1])) & set(numbers) - set(part))
    raise AssertionError(f"{part[0]} to {part[-1]} are not as recorded; missing: {missing}")


def clipped(
    reading: Reading, begin: float, end: float, shift: float = 0.0
) -> Iterator[tuple[int, list[tuple[float, float]]]]:
    """Who is heard from when to when between two times, moved by `shift`."""
    for tone in TONES:
        cut = ((max(a, begin) + shift, min(b, end) + shift) for a, b in reading.heard.get(tone, []))
        if spans := [(a, b) for a, b in cut if b - a > LEAST_S]:
            yield tone, spans


def slices(path: Path) -> list[bytes]:
    """The coded slices of a Matroska file's H.264, in order, without what containers add."""
    found = []
    with av.open(str(path)) as file:
        for packet in file.demux(video=0):
            found += [unit for unit in _units(bytes(packet)) if unit[0] & 31 in (1, 5)]
    return found


def _units(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 4 < len(data):
        length = int.from_bytes(data[at : at + 4])
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def kept_logs(machine: Machine, folder: Path) -> list[Path]:
    """The logs of its pushes, which stay when the recording's work folder goes."""
    kept = []
    for number, path in enumerate(sorted(machine.out.glob(".*/push*.log"))):
        kept.append(folder / f"log-{number}.txt")
        kept[-1].hardlink_to(path)
    return kept
