"""An encoder that gets too little of the machine goes faster, and nothing is broken by it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from orchestrator.capacity.costs import costs_of
from orchestrator.capacity.cpu_budget import ASSUMED, EncoderInput
from orchestrator.capacity.speed_policy import CALM
from orchestrator.catalog.models import Recording
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import NoCapacity
from orchestrator.monitor.machine import cores_allowed
from orchestrator.recordings.start_request import StartRequest
from orchestrator.settings import Settings
from tests.integration.recordings.test_faults import until_process
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.managing import managing
from tests.kit.recordings.waits import FPS, until, until_more, until_received
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

RUNS_S, RESTS_S = 0.02, 0.4
"""A twentieth of the time of each of its threads: as on a machine that others need."""


@asynccontextmanager
async def throttled(worker: int) -> AsyncIterator[None]:
    """Lets every ffmpeg of a worker run for a small part of the time, as long as it is open."""
    throttling = asyncio.create_task(_throttle(psutil.Process(worker)))
    try:
        yield
    finally:
        throttling.cancel()
        await asyncio.gather(throttling, return_exceptions=True)


async def _throttle(worker: psutil.Process) -> None:
    while True:
        encoders = worker.children()
        try:
            for encoder in encoders:
                with contextlib.suppress(psutil.NoSuchProcess):
                    encoder.suspend()
            await asyncio.sleep(RESTS_S)
        finally:
            for encoder in encoders:
                with contextlib.suppress(psutil.NoSuchProcess):
                    encoder.resume()
        await asyncio.sleep(RUNS_S)


def step(row: Recording) -> int:
    return int(row.figures.get("speed_step") or 0)


def filled(row: Recording) -> float:
    queue = row.figures["queue"]
    return float(queue["bytes"] / queue["limit_bytes"])


async def test_it_goes_faster_while_it_is_throttled_and_loses_no_audio(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    async with (
        # With its threads said: else the first thing it gets is another one.
        managing(settings_for(speed_step="auto", encoder_threads=1)) as manager,
        # A process of its own: what is done here mustn't hold the frames up.
        publishing(livekit_server, "throttled", "--size", "960x540", "--prepare", "10"),
    ):
        started = await manager.start(StartRequest("throttled", "mp4", None, "low"))
        assert (started.speed_step, started.speed_pinned) == (0, False)
        await until_received(manager, "throttled", FPS)
        worker = await until_process(manager, "throttled", "worker")
        async with throttled(worker):
            await until(manager, "throttled", step, 1)
        await until(manager, "throttled", lambda row: -filled(row), -CALM)
        dropped = (await manager.get(started.id)).figures["video"]["dropped"]
        await until_more(manager, "throttled", 2 * FPS)
        ended = await manager.stop("throttled")
        events = await manager.catalog.events(ended.id)
        segments = await manager.catalog.segments(ended.id)
    assert ended.state == "completed"
    assert ended.figures["audio"]["dropped_s"] == 0
    assert ended.figures["video"]["dropped"] == dropped, "all are recorded again"
    steps = [segment.speed_step for segment in segments]
    assert steps == list(range(len(steps))), "each segment at the next faster step"
    assert len(steps) > 1
    assert {segment.outcome for segment in segments} == {"finished"}
    messages = [event.message for event in events if event.kind == "speed"]
    assert messages[0].startswith("speed step faster: the slowest that fits")
    assert messages[1].startswith("speed step faster -> veryfast: encoding at 0.")
    reading = read(Path(ended.output_path))
    backwards = [(at, a, b) for (_, a), (at, b) in pairwise(reading.codes) if b < a]
    assert not backwards, "one that is held comes several times in a row"
    # Not by their numbers: a busy machine's network and publisher leave some out, too.
    video = ended.figures["video"]
    assert video["written"] == video["received"] - video["late"] - dropped
    shown = len(reading.codes) + reading.unreadable
    assert shown == video["written"] + video["filled"], "what the queue held is all there"
    assert reading.audio_gaps == 0, "no seam where two segments meet"
    assert all(0.95 < b - a < 1.05 for a, b in pairwise(reading.beeps)), reading.beeps
    assert len(reading.beeps) >= int(reading.audio_end_s) - 1
    # A frame is held for a second at most before it comes again, and 0.7 s are waited for one.
    assert reading.audio_end_s == pytest.approx(reading.video_end_s, abs=2)


@pytest.mark.all_only
async def test_one_that_runs_makes_room_for_another(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    costs = costs_of(Pipelines.load(None).by_name.values(), [])
    small = EncoderInput(320, 180)
    both = costs.cores("mp4", 2, small) + costs.cores("mp4", 3, ASSUMED) + 0.001
    async with (
        managing(settings_for(speed_step="auto", cpu_limit=both / cores_allowed())) as manager,
        publishing(livekit_server, "gives", "--size", "320x180", "--prepare", "10"),
        publishing(livekit_server, "takes", "--size", "320x180", "--prepare", "10"),
    ):
        assert (await manager.start(StartRequest("gives", "mp4"))).speed_step == 0
        await until_received(manager, "gives", FPS)  # its size is known by then
        await manager.start(StartRequest("takes", "mp4"))
        await until(manager, "gives", step, 2)
        await until_more(manager, "gives", 2 * FPS)
        await manager.stop("takes")
        ended = await manager.stop("gives")
        events = await manager.catalog.events(ended.id)
        segments = await manager.catalog.segments(ended.id)
    messages = [event.message for event in events if event.kind == "speed"]
    assert messages[1:] == ["speed step faster -> superfast: another recording needs the CPU"]
    assert [segment.speed_step for segment in segments] == [0, 2]
    reading = read(Path(ended.output_path))
    assert (ended.figures["video"]["dropped"], reading.audio_gaps) == (0, 0)
    assert reading.in_order_and_once


@pytest.mark.all_only
async def test_without_room_nothing_is_begun(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    async with (
        managing(settings_for(speed_step="auto", cpu_limit=0.01)) as manager,
        publish(livekit_server, "no room", video=None),
    ):
        with pytest.raises(
            NoCapacity, match="Not enough CPU for another recording with av1"
        ) as refused:
            await manager.start(StartRequest("no room"))
        assert await manager.history(limit=9, offset=0) == ([], 0)
        assert list((await manager.output_directory()).iterdir()) == []
    context = refused.value.context
    assert context["fits"] is None
    assert 0 < context["free_cores"] == context["limit_cores"] < context["needed_cores"]
