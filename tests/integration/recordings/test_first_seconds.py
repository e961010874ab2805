"""While audio waits for its place beside video a recording is one like any other."""

from __future__ import annotations

import os
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.recordings.start_request import StartRequest
from orchestrator.recordings.states import RecordingState
from orchestrator.server.manager import Manager
from tests.integration.recordings.test_faults import until_process
from tests.kit.livekit.rooms import publish
from tests.kit.livekit.server import Server
from tests.kit.recordings.waits import FPS, until_duration, until_more
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


async def test_what_came_is_in_the_file_of_a_recording_that_is_stopped_at_once(
    manager: Manager, livekit_server: Server
) -> None:
    # Whoever has just begun to publish audio tells of its time after 2.5 s at the earliest.
    async with publish(livekit_server, "brief"):
        asked_s = time.monotonic()
        begun = await manager.start(StartRequest("brief", "mp4", None, "low"))
        assert begun.state == RecordingState.RECORDING
        print(f"start answered after {time.monotonic() - asked_s:.2f} s")
        await until_duration(manager, "brief", 1.5)
        row = await manager.status("brief")
        assert row is not None
        assert row.figures["audio"]["received_s"] > 0.5
        assert row.figures["video"]["written"] > 15
        assert row.figures["encoder"]["frames"] > 0
        ended = await manager.stop("brief")
    reading = read(Path(ended.output_path))
    assert reading.in_order_and_once
    assert reading.audio_gaps == 0
    assert abs(reading.audio_end_s - reading.video_end_s) < 0.5
    assert reading.beeps
    assert all(abs(offset_s) < 0.4 for offset_s in reading.offsets_s)


@pytest.mark.all_only
@pytest.mark.parametrize("output_format", ["mp4", "webm"])
async def test_an_ffmpeg_that_is_killed_while_audio_waits_costs_no_more_than_a_second(
    manager: Manager, livekit_server: Server, output_format: str
) -> None:
    room = f"first {output_format}"
    async with publish(livekit_server, room, video=None, audio=False) as publisher:
        publisher.stalls.begin("audio", 7)  # nothing says where it belongs before it has begun
        await publisher.publish_audio()
        await publisher.publish_video("vp8")
        begun = await manager.start(StartRequest(room, output_format, None, "low"))
        pid = await until_process(manager, room, "ffmpeg")
        await until_duration(manager, room, 2)
        killed = await manager.status(room)
        assert killed is not None
        assert killed.figures["audio"]["written_s"] < 0.1, "else its audio didn't wait any more"
        os.kill(pid, signal.SIGKILL)
        await until_process(manager, room, "ffmpeg", other_than=pid)
        await until_more(manager, room, 5 * FPS)
        ended = await manager.stop(room)
    segments = await manager.catalog.segments(begun.id)
    assert [each.outcome for each in segments] == ["killed", "finished"]
    reading = read(Path(ended.output_path))
    times = [at for at, _ in reading.codes]
    gap_s = max(b - a for a, b in pairwise([0, *times]))
    print(f"longest gap {gap_s:.2f} s, {len(times)} frames in {reading.video_end_s:.1f} s")
    assert gap_s < 1
    assert len(times) > 0.8 * FPS * reading.video_end_s
    assert reading.in_order_and_once
    assert reading.audio_gaps == 0
    assert ended.figures["duration_s"] == pytest.approx(reading.audio_end_s, abs=0.5)
    # Its audio has just begun, and stands where it arrives until it has reported.
    assert len(reading.offsets_s) >= 3
    assert all(abs(offset_s) < 0.08 for offset_s in reading.offsets_s)
