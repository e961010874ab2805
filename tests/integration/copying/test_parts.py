"""Copies that are split, limited and stopped."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.recordings.limits import Limits
from orchestrator.server.manager import Manager
from tests.integration.recordings.test_split import until_ended, until_files
from tests.kit.livekit.crowd import GUESTS, conference
from tests.kit.livekit.server import Server
from tests.kit.recordings.copied import asked, decode_errors, event_log, tracks, until_summed
from tests.kit.signals.reading import read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


async def test_each_part_begins_with_a_keyframe_and_nothing_is_lost_between_them(
    manager: Manager, livekit_server: Server
) -> None:
    room = "copy split"
    async with conference(livekit_server, room):
        limits = Limits(split_s=2, max_duration_s=11)
        started = await manager.start(asked(room, limits=limits))
        early = await until_files(manager, started.id, 1)
        assert (await manager.get(started.id)).state == "recording", "final while it goes on"
        assert Path(early[0].path).is_file()
        ended = await until_ended(manager, started.id)
    print(await event_log(manager, ended), ended.figures)
    assert (ended.state, ended.reason) == ("completed", "the longest duration of 11 s is reached")
    files = await until_summed(manager, ended.id)
    assert len(files) >= 3
    assert [file.integrity for file in files] == ["whole"] * len(files)
    readings = [read(Path(file.path)) for file in files]
    found = [tracks(Path(file.path)) for file in files]
    for file, each in zip(files, found, strict=True):
        assert decode_errors(Path(file.path)) == []
        assert each["video"].times_ms[0] == each["video"].keys_ms[0]
        assert each["video"].times_ms[0] < 40, "and nothing is before it"
        assert len(each) == 4
    # The publisher has a keyframe each second: a part ends with the first one after its time. The
    # first lasts until the host's audio has its place, which takes its sender reports.
    assert all(1.5 < (file.duration_s or 0) < 4.5 for file in files[1:-1])
    assert 1.5 < (files[0].duration_s or 0) < 8.0
    assert ended.duration_s == pytest.approx(11, abs=1.5)
    written = sum(len(each["video"].times_ms) for each in found)
    assert written == ended.figures["video"]["received"]
    for one, other in pairwise(readings):
        assert 1 <= other.numbers[0] - one.numbers[-1] <= 2, "a busy publisher leaves one out"
    audio = {name for name in found[0] if name != "video"}
    packets = sum(len(each[name].times_ms) for each in found for name in audio)
    received_s = ended.figures["audio"]["received_s"] - ended.figures["audio"]["late_s"]
    assert packets * 0.02 == pytest.approx(received_s, abs=0.001)
    rows = [row for reading in readings for row in reading.tones.rows]
    assert not any(row >= {*GUESTS} for row in rows), "each has a track of its own"


@pytest.mark.all_only
async def test_splits_and_ends_by_size(manager: Manager, livekit_server: Server) -> None:
    room = "copy size"
    async with conference(livekit_server, room, width=640, height=360):
        limits = Limits(split_bytes=300_000, max_size_bytes=900_000)
        started = await manager.start(asked(room, limits=limits))
        ended = await until_ended(manager, started.id)
    assert (ended.state, ended.reason) == (
        "completed",
        "the largest size of 900000 bytes is reached",
    )
    files = await manager.catalog.files(ended.id)
    assert len(files) > 1
    assert all(file.size_bytes < 500_000 for file in files)
    assert all(tracks(Path(file.path))["video"].keys_ms[0] < 40 for file in files)
    assert all(read(Path(file.path)).in_order_and_once for file in files)
