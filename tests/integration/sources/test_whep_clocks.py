"""A real WHEP stream whose sender's clocks fail: set, stalled, or with reports before anything."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

import pytest

from orchestrator.media import TrackKind, WhepEndpoint
from orchestrator.sources.source import Source
from tests.kit.sources.watcher import Watcher, watching
from tests.kit.sources.whep_server import TOKEN, whep_server

pytestmark = pytest.mark.real_time

OFFSET_MS = 26
"""aiortc dates a packet of audio (20 ms) by its sending, and Opus delays by 6.5 ms."""

WITHIN_MS = 25


async def until_reports(source: Source, watcher: Watcher, more: int) -> None:
    """Waits for so many sender reports, of both tracks together."""
    wanted = source.statistics().sender_reports + more
    await watcher.until(lambda: source.statistics().sender_reports >= wanted, 20)


def steps_ms(watcher: Watcher, kind: TrackKind, start_ns: int) -> list[float]:
    """From each frame to the next, of those that stand behind that moment."""
    times = [at for at in watcher.times[watcher.sid(kind)] if at >= start_ns]
    return [(b - a) / 1e6 for a, b in pairwise(times)]


@pytest.mark.all_only
async def test_a_server_whose_wall_clock_is_set_goes_on_as_if_nothing_was() -> None:
    async with (
        whep_server() as server,
        watching(WhepEndpoint(server.url, TOKEN), alone=False) as (source, watcher),
    ):
        await source.subscribe(frozenset({"video", "audio"}))
        await until_reports(source, watcher, 6)
        began_ns = watcher.times["audio"][-1]
        for step_s in (-1, 3, -0.5):
            server.step_wall_clock(step_s)
            await until_reports(source, watcher, 4)
        assert max(steps_ms(watcher, TrackKind.AUDIO, began_ns)) < 25, "0.5 s or more before"
        assert min(steps_ms(watcher, TrackKind.AUDIO, began_ns)) > 15
        assert max(steps_ms(watcher, TrackKind.VIDEO, began_ns)) < 40
        assert median(watcher.offsets_ms()[-5:]) == pytest.approx(OFFSET_MS, abs=WITHIN_MS)


@pytest.mark.parametrize("stall_s", [pytest.param(0.4, marks=pytest.mark.all_only), 3])
async def test_a_microphone_that_stalls_is_heard_in_step_within_a_second(stall_s: float) -> None:
    async with (
        whep_server() as server,
        watching(WhepEndpoint(server.url, TOKEN), alone=False) as (source, watcher),
    ):
        await source.subscribe(frozenset({"video", "audio"}))
        await until_reports(source, watcher, 4)
        heard = len(watcher.times["audio"])
        server.stall_audio(stall_s)
        await watcher.until(lambda: len(watcher.times["audio"]) > heard + 250, 20)
        gap_ns = max(b - a for a, b in pairwise(watcher.times["audio"][heard - 10 :]))
        assert gap_ns / 1e9 == pytest.approx(stall_s, abs=0.1)
        assert median(watcher.offsets_ms()[-3:]) == pytest.approx(OFFSET_MS, abs=WITHIN_MS)


@pytest.mark.all_only
async def test_reports_before_the_first_frame_put_nothing_out_of_step() -> None:
    async with (
        whep_server(late_s=3.5) as server,
        watching(WhepEndpoint(server.url, TOKEN), alone=False) as (source, watcher),
    ):
        await source.subscribe(frozenset({"video", "audio"}))
        await watcher.until(lambda: "video" in watcher.times, 20)
        began = len(watcher.times["video"])
        await watcher.until(lambda: len(watcher.times["video"]) > began + 180, 20)
        late_ms = median(watcher.offsets_ms()[-3:])
        assert late_ms == pytest.approx(OFFSET_MS, abs=WITHIN_MS), "off by 250 to 490 before"
