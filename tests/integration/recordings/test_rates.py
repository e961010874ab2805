"""When another frame rate is planned with: by hand, and with a real room whose rate changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.capacity.frame_rate_plan import (
    FIRST_S,
    FORGET_S,
    HOLD_S,
    LONGEST_S,
    FrameRatePlan,
)
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.recordings.waits import until_duration
from tests.kit.signals.reading import read

pytestmark = pytest.mark.real_time


def changes(plan: FrameRatePlan, fps: Sequence[float | None]) -> list[tuple[int, float]]:
    """When the plan changes, and to what, looked at once a second."""
    looked = [(second, plan.update(second, each), plan.planned) for second, each in enumerate(fps)]
    return [(second, planned) for second, changed, planned in looked if changed]


def test_a_rate_that_was_guessed_is_corrected_soon() -> None:
    assert changes(FrameRatePlan(30, guessed=True), [None, 5, 5, 5, 5]) == [(1 + FIRST_S, 5)]


@pytest.mark.all_only
def test_a_rate_has_to_last() -> None:
    assert changes(FrameRatePlan(30, guessed=False), [30, 20, 20, 30, 20, 20, 30]) == []
    assert changes(FrameRatePlan(30, guessed=False), [30, 20, 20, 20, 20]) == [(1 + HOLD_S, 20)]


@pytest.mark.all_only
def test_what_is_nearly_the_same_is_the_same() -> None:
    assert changes(FrameRatePlan(30, guessed=False), [28, 32, 29.97, 27.5] * 50) == []


@pytest.mark.all_only
def test_one_that_changes_for_ever_is_followed_ever_more_slowly() -> None:
    found = changes(FrameRatePlan(30, guessed=False), ([15.0] * 400 + [30.0] * 400) * 10)
    waits = [b - a for (a, _), (b, _) in pairwise(found)]
    assert len(found) <= 20
    assert max(waits) >= 400
    often = changes(FrameRatePlan(30, guessed=False), ([15.0] * 10 + [30.0] * 10) * 300)
    assert len(often) <= 6 * 6000 / FORGET_S
    assert LONGEST_S > 10


@pytest.mark.all_only
@pytest.mark.livekit
async def test_capacity_and_the_encoder_count_the_true_rate(
    manager: Manager, livekit_server: Server
) -> None:
    """SVT-AV1 begins anew when a screen's 5 frames a second take the place of a camera's 30."""
    room = "rates"
    async with publish(livekit_server, room, width=320, height=180, fps=30) as publisher:

        async def until_planned(fps: float) -> float:
            async with asyncio.timeout(30):
                while True:
                    row = await manager.status(room)
                    assert row is not None
                    planned = row.figures.get("video", {}).get("planned_fps")
                    if planned is not None and abs(planned / fps - 1) < 0.1:
                        return float(row.reserved_cores or 0)
                    await asyncio.sleep(0.05)

        await manager.start(StartRequest(room, None, "av1-svt", "low"))
        at_30 = await until_planned(30)
        await until_duration(manager, room, 2)
        await publisher.unpublish()
        publisher.fps = 5
        await publisher.publish_audio()
        await publisher.publish_video("vp8")
        at_5 = await until_planned(5)
        assert at_5 < at_30, "room is given back"
        row = await manager.status(room)
        assert row is not None
        await until_duration(manager, room, row.figures["duration_s"] + 2)
        ended = await manager.stop(room)
        kinds = [event.kind for event in await manager.catalog.events(ended.id)]
        segments = await manager.catalog.segments(ended.id)
    assert kinds.count("rate") == 1
    assert len(segments) == 2
    times = [at for at, _ in read(Path(ended.output_path)).codes]
    assert times == sorted(times)
    gaps = [b - a for a, b in pairwise(times)]
    assert (round(gaps[10], 2), round(gaps[-2], 2)) == (0.03, 0.2), "one file, with both rates"
