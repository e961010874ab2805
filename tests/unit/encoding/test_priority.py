"""No ffmpeg gets before the process that receives, whoever runs it and whatever it encodes with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.encoding.pipeline.command import Pipelines, command
from orchestrator.encoding.process.capabilities import find_ffmpeg
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.encoding.process.priority import NICENESS
from orchestrator.ffmpeg_environment import passed_on
from tests.kit.fakes import HEIGHT, WIDTH, Feeder


def threads(pid: int) -> dict[str, tuple[int, int]]:
    """Scheduling policy and niceness of each thread."""
    tasks = (int(name) for name in os.listdir(f"/proc/{pid}/task"))
    return {
        f"{task} {Path(f'/proc/{pid}/task/{task}/comm').read_text().strip()}": (
            os.sched_getscheduler(task),
            os.getpriority(os.PRIO_PROCESS, task),
        )
        for task in tasks
    }


def autogroup(process: int | str) -> str:
    """The group within which Linux weighs the niceness of a process; empty where it has none."""
    shown = Path(f"/proc/{process}/autogroup")
    return shown.read_text() if shown.exists() else ""


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="Linux has the calls for it")
async def test_svt_takes_no_real_time_priority(tmp_path: Path) -> None:
    pipeline = Pipelines.load(None).get("av1-svt")
    fifo = tmp_path / "in.nut"
    os.mkfifo(fifo)
    argv = command(
        pipeline,
        ffmpeg=await find_ffmpeg(None, pipeline.encoders),
        source=str(fifo),
        output=str(tmp_path / "out.mp4"),
        width=WIDTH,
        height=HEIGHT,
        video_bitrate_bps=200_000,
        audio_bitrate_bps=64_000,
    )
    run = Run(argv, tmp_path / "log", environment=passed_on())
    await run.start()
    feeder = Feeder(fifo, [n * 3000 for n in range(90)], hold=True)
    feeder.start()
    await run.wait_until_begun()
    assert run.pid is not None
    found = threads(run.pid)
    assert any("svtav" in name for name in found), "the encoder's own thread is among them"
    assert set(found.values()) == {
        (os.SCHED_OTHER, min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS))
    }, found
    assert autogroup(run.pid) == autogroup("self"), "or its niceness would count for nothing"
    ending = await run.stop(feeder.end)
    assert ending.outcome == "finished"
