"""Rooms whose host publishes VP9 or AV1, one layer or several, in each kind of file."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Final

import pytest

from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from tests.kit.livekit.crowd import GUESTS, conference
from tests.kit.livekit.server import Server
from tests.kit.recordings.copied import heard
from tests.kit.recordings.waits import FPS, until_received
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

PUBLISHED: Final = [
    *(("vp9", "L1T3"), ("vp9", "L3T3"), ("vp9", "L3T3_KEY")),
    *(("av1", "L1T3"), ("av1", "L3T3"), ("av1", "L3T3_KEY")),
]
FORMATS: Final = ("av1", "mp4", "webm", "mkv")
ORDINARY: Final = {("vp9", "L3T3_KEY", "mp4")}

COMBINATIONS: Final = [
    pytest.param(*each, marks=() if each in ORDINARY else pytest.mark.all_only)
    for each in [(*published, format) for published in PUBLISHED for format in FORMATS]
]


@pytest.mark.parametrize(("codec", "layers", "output_format"), COMBINATIONS)
async def test_what_comes_is_in_the_file_in_time(
    manager: Manager, livekit_server: Server, codec: str, layers: str, output_format: str
) -> None:
    """The SDK encodes, and drops frames of its own: what came is counted."""
    room = f"{codec} {layers} {output_format}"
    host = {"video": codec, "layers": layers, "width": 960, "height": 540}
    async with conference(livekit_server, room, **host):
        pipeline = "copy" if output_format == "mkv" else None
        await manager.start(StartRequest(room, output_format, pipeline))
        await until_received(manager, room, 5 * FPS)
        ended = await manager.stop(room)
    assert (ended.state, ended.error) == ("completed", None)
    path, video, copied = Path(ended.output_path), ended.figures["video"], output_format == "mkv"
    reading = heard(path, "publisher microphone") if copied else read(path)
    print(video, reading.offsets_s, reading.missing, reading.unreadable)
    came = video["received"] - video["dropped"] + video.get("filled", 0) - video.get("late", 0)
    assert len(reading.codes) + reading.unreadable == came
    assert len(reading.codes) > 3 * FPS, "the first ones of a new encoder are blurred"
    assert reading.in_order
    assert reading.size == (960, 540)
    assert len(reading.beeps) >= 3
    assert abs(median(reading.offsets_s)) < 0.06
    if not copied:  # else each has a track of its own
        assert reading.tones.all_of(GUESTS) >= len(reading.tones.rows) - 2
