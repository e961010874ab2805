"""Copied videos that have no keyframe, or have lost frames."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.server.manager import Manager
from tests.kit.livekit.crowd import microphones
from tests.kit.livekit.rooms import Publisher, publish
from tests.kit.livekit.server import Server
from tests.kit.network import why_no_namespaces
from tests.kit.recordings.copied import asked, decode_errors, kinds, tracks
from tests.kit.recordings.waits import FPS, until_more
from tests.kit.signals.codes import encoded

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


@pytest.mark.all_only
async def test_a_video_begins_with_its_first_keyframe_however_late(
    manager: Manager, livekit_server: Server
) -> None:
    """LiveKit itself forwards nothing of a video before a keyframe."""
    room = "late keyframe"
    async with (
        publish(livekit_server, room, video=None, audio=False) as host,
        microphones(livekit_server, room, 2),
    ):
        without_keyframes(host, seconds=14)
        host.start_clock()
        await host.publish_video("vp8")
        started = await manager.start(asked(room))
        async with asyncio.timeout(30):
            while "missing" not in await kinds(manager, started):
                await asyncio.sleep(0.05)
        warnings = (await manager.get(started.id)).figures["warnings"]
        assert any("Nothing has arrived from camera video" in each for each in warnings)
        await until_more(manager, room, 2 * FPS)
        ended = await manager.stop(room)
    assert ended.state == "completed"
    assert "arriving" in await kinds(manager, ended)
    assert decode_errors(Path(ended.output_path)) == []
    video = tracks(Path(ended.output_path))["video"]
    assert video.times_ms[0] == video.keys_ms[0] > 2_000
    assert len(video.times_ms) == ended.figures["video"]["received"]


def without_keyframes(host: Publisher, *, seconds: int) -> None:
    """Its first seconds, as of an encoder that ignores whoever asks: the next ones have some."""
    how = {"width": host.width, "height": host.height, "fps": host.fps}
    frames = encoded("vp8", **how, seconds=1)
    host.prepared = [(frames[1][0], False)] * (seconds * host.fps)


@pytest.mark.all_only
@pytest.mark.timeout(240)
def test_at_five_percent_loss_what_is_kept_decodes() -> None:
    if (missing := why_no_namespaces()) is not None:
        pytest.skip(f"no network that loses packets: {missing}")
    command = [sys.executable, "-m", "tests.kit.timing", "--loss", "5", "--size", "640x360"]
    done = subprocess.run(
        [*command, "--seconds", "15", "--pipeline", "copy"],
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr[-2000:])
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["decode_errors"] == []
    assert found["unreadable"] == 0, "none shows what isn't whole"
    assert abs(found["offset_ms"]) < 40
    assert found["frames_worst_ms"] < 100
    assert found["frames_missing_percent"] < 25
    if found["frames_undecodable"]:
        assert "frames of video were left out from" in found["log"]
