"""ffmpeg or the worker dies in the middle: the recording goes on, and becomes one file."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from tests.integration.recordings.test_end_to_end import check
from tests.kit.fakes import REAL
from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import Server
from tests.kit.managing import managing
from tests.kit.recordings.waits import FPS, until_more, until_on_disk, until_received
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


async def until_process(manager: Manager, stream_id: str, role: str, other_than: int = 0) -> int:
    """The pid of the recording's worker or ffmpeg, once it is another than before."""
    async with asyncio.timeout(20):
        while True:
            row = await manager.status(stream_id)
            found = ((row.figures.get("processes") or {}) if row else {}).get(role)
            if row and row.state == "recording" and found and found["pid"] != other_than:
                return int(found["pid"])
            await asyncio.sleep(0.05)


def true_times(path: Path) -> list[float]:
    """For each frame how far it stands from where its number says."""
    reading = read(path)
    first_at, first = reading.codes[0]
    return [at - first_at - (code - first) / FPS for at, code in reading.codes]


@pytest.mark.parametrize("output_format", [pytest.param("webm", marks=pytest.mark.all_only), "av1"])
async def test_a_killed_ffmpeg_costs_what_was_in_the_making(
    manager: Manager, livekit_server: Server, output_format: str
) -> None:
    room = f"killed ffmpeg {output_format}"
    # libaom smears the numbers of small frames now and then.
    async with conference(livekit_server, room, width=960, height=540):
        fastest = len(manager.pipelines.get(output_format).speeds) - 1
        asked = StartRequest(room, output_format, None, "medium", speed_step=fastest)
        await manager.start(asked)
        pid = await until_process(manager, room, "ffmpeg")
        await until_received(manager, room, 2 * FPS)
        os.kill(pid, signal.SIGKILL)
        await until_process(manager, room, "ffmpeg", other_than=pid)
        await until_more(manager, room, 3 * FPS)
        ended = await manager.stop(room)
    assert ended.state == "completed"
    segments = await manager.catalog.segments(ended.id)
    assert [s.outcome for s in segments] == ["killed", "finished"]
    reading = read(Path(ended.output_path))
    assert reading.in_order
    # What was in flight, the fragment that was being written, and the next ffmpeg's start.
    times = [at for at, _ in reading.codes]
    gap_s, gap = max((b - a, at) for at, (a, b) in enumerate(pairwise(times), 1))
    assert gap_s < 5
    off = true_times(Path(ended.output_path))
    moved = statistics.median(off[gap : gap + 10]) - statistics.median(off[gap - 10 : gap])
    assert abs(moved) < 0.15, "what comes after stands in its place"
    assert len(reading.offsets_s) >= 3
    # A publisher that is busy is itself off by a few hundred milliseconds: tests/kit/timing.
    assert all(abs(offset) < 0.5 for offset in reading.offsets_s), reading.offsets_s


@pytest.mark.all_only
async def test_a_halted_ffmpeg_is_replaced(manager: Manager, livekit_server: Server) -> None:
    async with conference(livekit_server, "halted"):
        started = await manager.start(StartRequest("halted", "mp4", None, "low"))
        pid = await until_process(manager, "halted", "ffmpeg")
        await until_received(manager, "halted", 2 * FPS)
        os.kill(pid, signal.SIGSTOP)
        halted_at = datetime.now(UTC)
        await until_process(manager, "halted", "ffmpeg", other_than=pid)
        await until_more(manager, "halted", 2 * FPS)
        ended = await manager.stop("halted")
    assert ended.state == "completed"
    first, second = await manager.catalog.segments(started.id)
    assert (first.outcome, second.outcome) == ("killed", "finished")
    assert first.ended_at is not None
    # Within 5 s where there is CPU time for us; here others may use it.
    assert (first.ended_at - halted_at).total_seconds() < 10
    assert "ffmpeg stalled" in str(first.stderr_tail)
    assert read(Path(ended.output_path)).in_order


@pytest.mark.all_only
async def test_stopping_a_halted_ffmpeg_loses_nothing(
    manager: Manager, livekit_server: Server
) -> None:
    async with conference(livekit_server, "halted at the end"):
        await manager.start(StartRequest("halted at the end", "mp4", None, "low"))
        pid = await until_process(manager, "halted at the end", "ffmpeg")
        await until_received(manager, "halted at the end", 3 * FPS)
        os.kill(pid, signal.SIGSTOP)
        ended = await manager.stop("halted at the end")
    check(ended, frames=3 * FPS)
    assert [s.outcome for s in await manager.catalog.segments(ended.id)] == ["finished"]


FAILS_LATER = """#!/bin/sh
case "$*" in
*.nut*)
    if [ -e "{mark}" ]; then
        echo "[error] the encoder is on holiday" >&2
        exit 8
    fi
    touch "{mark}" ;;
esac
exec "{real}" "$@"
"""


async def test_given_up_the_file_is_made_of_what_there_is(
    settings_for: Callable[..., Settings], livekit_server: Server, tmp_path: Path
) -> None:
    fails_later = tmp_path / "ffmpeg"
    fails_later.write_text(FAILS_LATER.format(mark=tmp_path / "mark", real=REAL))
    fails_later.chmod(0o700)
    async with (
        managing(settings_for(ffmpeg=fails_later, max_restarts=1)) as manager,
        conference(livekit_server, "given up"),
    ):
        started = await manager.start(StartRequest("given up", "mp4", None, "low"))
        pid = await until_process(manager, "given up", "ffmpeg")
        await until_on_disk(manager, "given up", 10_000)
        await until_more(manager, "given up", 3 * FPS)
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            while (row := await manager.get(started.id)).ended_at is None:
                await asyncio.sleep(0.05)
        (file,) = await manager.catalog.files(started.id)
    assert (row.state, row.error_code) == ("failed", "encoding_failed")
    assert "the encoder is on holiday" in f"{row.error} {row.detail}"
    assert file.path == row.output_path
    assert len(read(Path(row.output_path)).codes) >= FPS
    assert not Path(row.work_directory).exists()
