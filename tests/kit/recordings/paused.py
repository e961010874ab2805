"""Pauses a real recording again and again, and reads what its file has of it.

``python -m tests.kit.recordings.paused --pipeline copy`` records a minute with ten pauses.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from orchestrator.catalog.models import Recording
from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server, server_binary, settings_of
from tests.kit.managing import managing
from tests.kit.recordings.waits import FPS, until_more, until_received
from tests.kit.signals.reading import Reading, read


@dataclass(frozen=True)
class Found:
    """What a file has, with the pauses that its recording had."""

    pauses: int
    missing_frames: int
    """Within what was recorded, not counting what the publisher left out."""
    audio_gaps: int
    offset_ms: float
    """By how much beeps come later than their flashes before the first pause."""
    worst_ms: float
    """The largest distance from that behind a pause."""
    longest_answer_ms: float
    """Of a request to go on."""
    longest_resume_ms: float
    """From such a request to the capture of the first thing that is recorded again."""
    length_ms: float
    """By how much the file is longer than what was recorded."""
    seams_ms: tuple[float, ...]
    """From the last frame before each pause to the first behind it."""


@dataclass
class PausedRecording:
    """A recording of the room `room`, in which a publisher has to be."""

    manager: Manager
    room: str
    answers_s: list[float] = field(default_factory=list)
    asked: list[datetime] = field(default_factory=list)
    unsent: frozenset[int] = frozenset()
    """Numbers that the publisher left out."""

    async def pause(self, seconds: float, *, still: bool = False) -> None:
        """Pauses, and goes on."""
        await self.manager.pause(self.room, still=still)
        await asyncio.sleep(seconds)
        began_s = time.monotonic()
        self.asked.append(datetime.now(UTC))
        await self.manager.resume(self.room)
        self.answers_s.append(time.monotonic() - began_s)


async def record(
    manager: Manager,
    livekit: Server,
    request: StartRequest,
    lengths_s: Sequence[float],
    between: int,
    live: bool = False,
) -> tuple[Recording, PausedRecording]:
    """Records with a pause of each length, and so many frames between two.

    `live`: the publisher gives keyframes when they are asked for, else one each second.
    """
    room = request.stream_id
    paused = PausedRecording(manager, room)
    async with publish(livekit, room, live=live) as publisher:
        await manager.start(request)
        await until_received(manager, room, between)
        for seconds in lengths_s:
            await paused.pause(seconds)
            await until_more(manager, room, between)
        ended = await manager.stop(room)
        paused.unsent = frozenset(publisher.refused)
        return ended, paused


async def measured(manager: Manager, ended: Recording, paused: PausedRecording) -> Found:
    """What its file has."""
    rows = await Pauses(manager.catalog).of_recording(ended.id)
    reading = await asyncio.to_thread(read, Path(ended.output_path))
    return found(reading, rows, paused, ended)


def found(
    reading: Reading, rows: Sequence[Pause], paused: PausedRecording, ended: Recording
) -> Found:
    """Pure."""
    seams = [row.at_s for row in rows]
    offsets = _offsets_ms(reading)
    first = [ms for at_s, ms in offsets if at_s < seams[0]]
    usual = sum(first) / len(first) if first else 0.0
    behind = [abs(ms - usual) for at_s, ms in offsets if at_s >= seams[0]]
    resumed = [
        (row.ended_at - asked).total_seconds()
        for row, asked in zip(rows, paused.asked, strict=True)
        if row.ended_at is not None
    ]
    length_s = max(reading.video_end_s + 1 / FPS, reading.audio_end_s)
    return Found(
        pauses=len(rows),
        missing_frames=_missing(reading, seams, paused.unsent),
        audio_gaps=reading.audio_gaps,
        offset_ms=round(usual, 1),
        worst_ms=round(max(behind, default=0.0), 1),
        longest_answer_ms=round(1000 * max(paused.answers_s), 1),
        longest_resume_ms=round(1000 * max(resumed), 1),
        length_ms=round(1000 * (length_s - (ended.figures["duration_s"] or 0.0)), 1),
        seams_ms=tuple(round(1000 * _seam(reading, at_s), 1) for at_s in seams),
    )


def _offsets_ms(reading: Reading) -> list[tuple[float, float]]:
    """Where each flash is, and by how much its beep comes later, in milliseconds."""
    pairs = [(flash, min(reading.beeps, key=lambda b: abs(b - flash))) for flash in reading.flashes]
    return [(flash, 1000 * (beep - flash)) for flash, beep in pairs if abs(beep - flash) < 0.3]


def _missing(reading: Reading, seams: Sequence[float], unsent: frozenset[int]) -> int:
    """Numbers that are left out elsewhere than at a pause, and were sent."""
    return sum(
        len({*range(before + 1, after)} - unsent)
        for (at_s, before), (then_s, after) in pairwise(reading.codes)
        if not any(at_s - 0.001 < seam < then_s + 0.005 for seam in seams)
    )


def _seam(reading: Reading, at_s: float) -> float:
    before = max((t for t, _ in reading.codes if t < at_s - 0.001), default=0.0)
    return min((t for t, _ in reading.codes if t >= at_s - 0.001), default=before) - before


async def _main(arguments: argparse.Namespace) -> dict[str, Any]:
    binary = server_binary()
    assert binary is not None, "build it with ./scripts/livekit-server"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        livekit = Server(binary, folder / "livekit.log")
        livekit.start()
        try:
            async with managing(settings_of(livekit.url, folder)) as manager:
                request = StartRequest("paused", arguments.format, arguments.pipeline, "low")
                lengths_s = [arguments.length_s] * arguments.pauses
                ended, paused = await record(
                    manager,
                    livekit,
                    request,
                    lengths_s,
                    between=arguments.between,
                    live=arguments.live,
                )
                return asdict(await measured(manager, ended, paused))
        finally:
            livekit.stop()


def main() -> None:
    """Prints what it measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipeline")
    parser.add_argument("--format")
    parser.add_argument("--pauses", type=int, default=10)
    parser.add_argument("--length-s", type=float, default=2.0)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--between", type=int, default=4 * FPS)
    print(json.dumps(asyncio.run(_main(parser.parse_args()))))


if __name__ == "__main__":
    main()
