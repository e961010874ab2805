"""Splitting and limits with everything real: no frame and no sample between two files is lost."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from orchestrator.capacity.admission import RETRY_AFTER_S
from orchestrator.catalog.models import File, Recording
from orchestrator.recordings.limits import Limits
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager, create_manager
from orchestrator.settings import Settings
from tests.integration.recordings.test_faults import until_process
from tests.kit.api.serving import serving
from tests.kit.catalog.rows import recording as row_of
from tests.kit.livekit.crowd import GUESTS, conference
from tests.kit.livekit.server import Server
from tests.kit.managing import managing, nothing_left
from tests.kit.recordings.waits import FPS, until_received
from tests.kit.signals.reading import Reading, read

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

FRAME = 1024
"""Samples in a frame of AAC: the last one of a file is filled up."""


async def until_files(manager: Manager, id: str, count: int) -> list[File]:
    """Wait until so many parts are final."""
    async with asyncio.timeout(60):
        while len(files := await manager.catalog.files(id)) < count:
            await asyncio.sleep(0.05)
    return files


async def until_ended(manager: Manager, id: str) -> Recording:
    """Wait until it has ended by itself."""
    async with asyncio.timeout(60):
        while (row := await manager.get(id)).ended_at is None:
            await asyncio.sleep(0.05)
    return row


async def until_sums(manager: Manager, id: str) -> list[File]:
    """Wait until the files' sums are known."""
    async with asyncio.timeout(20):
        while any(file.sha256 is None for file in await manager.catalog.files(id)):
            await asyncio.sleep(0.05)
    return await manager.catalog.files(id)


def numbers(readings: list[Reading]) -> list[int]:
    return [number for reading in readings for number in reading.numbers]


async def test_no_frame_and_no_sample_is_lost_between_parts(
    manager: Manager, livekit_server: Server
) -> None:
    async with conference(livekit_server, "split"):
        limits = Limits(split_s=2)
        started = await manager.start(StartRequest("split", "mp4", None, "low", limits=limits))
        early = await until_files(manager, started.id, 2)
        assert (await manager.get(started.id)).state == "recording", "final while it goes on"
        assert all(Path(file.path).is_file() for file in early)
        ended = await manager.stop("split")
    assert ended.state == "completed"
    files = await until_sums(manager, ended.id)
    paths = [Path(file.path) for file in files]
    output = Path(ended.output_path)
    assert paths[0] == output
    assert paths[1].name == f"{output.stem}_part2.mp4"
    beside = [p.name for p in (*paths, output.with_suffix(".data.jsonl"))]
    assert sorted(p.name for p in output.parent.iterdir()) == sorted(beside)
    readings = [read(path) for path in paths]
    assert all(reading.in_order and reading.audio_gaps == 0 for reading in readings)
    found = numbers(readings)
    video = ended.figures["video"]
    came = video["received"] - video["late"] - video["dropped"]
    assert len(found) + sum(r.unreadable for r in readings) == came + video["filled"]
    for one, other in pairwise(readings):
        step = other.numbers[0] - one.numbers[-1]
        # A busy publisher leaves frames out; a split doesn't (what came is counted above).
        assert 1 <= step < FPS, (one.numbers[-1], other.numbers[0])
    segments = await manager.catalog.segments(ended.id)
    assert [s.part for s in segments] == list(range(1, len(files) + 1))
    assert [s.outcome for s in segments] == ["finished"] * len(files)
    for before, after in pairwise(segments):
        assert before.end_s == after.offset_s, "to the sample"
    for reading, segment in zip(readings, segments, strict=True):
        assert segment.end_s is not None
        given = round((segment.end_s - segment.offset_s) * 48_000)
        assert 0 <= reading.audio_samples - given < 2 * FRAME
    assert [file.integrity for file in files] == ["whole"] * len(files)
    assert [f.sha256 for f in files] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    ]
    tones = [row for reading in readings for row in reading.tones.rows]
    assert sum(row >= {*GUESTS} for row in tones) >= len(tones) - 2, tones
    assert ended.figures["restarts"] == 0
    assert ended.size_bytes == sum(path.stat().st_size for path in paths)


@pytest.mark.all_only
async def test_a_killed_worker_keeps_the_parts(manager: Manager, livekit_server: Server) -> None:
    async with conference(livekit_server, "split killed"):
        request = StartRequest("split killed", "mp4", None, "low", limits=Limits(split_s=2))
        started = await manager.start(request)
        pid = await until_process(manager, "split killed", "worker")
        (first, *_) = await until_files(manager, started.id, 1)
        os.kill(pid, signal.SIGKILL)
        await until_process(manager, "split killed", "worker", other_than=pid)
        before = len(await manager.catalog.files(started.id))
        await until_files(manager, started.id, before + 1)
        ended = await manager.stop("split killed")
    assert ended.state == "completed"
    files = await manager.catalog.files(ended.id)
    # One of which nothing was on the disk yet has no file.
    assert all(before.number < after.number for before, after in pairwise(files))
    assert files[0].made_at == first.made_at, "it is not made again"
    readings = [read(Path(file.path)) for file in files]
    found = numbers(readings)
    assert all(a < b for a, b in pairwise(dict.fromkeys(found))), "none comes twice"
    assert not Path(ended.work_directory).exists()


@pytest.mark.all_only
async def test_splits_by_size_and_ends_by_size(manager: Manager, livekit_server: Server) -> None:
    async with conference(livekit_server, "size"):
        # What comes until audio has its place, after up to 6 s, is written at once.
        limits = Limits(split_bytes=150_000, max_size_bytes=1_000_000)
        started = await manager.start(StartRequest("size", "mp4", None, "low", limits=limits))
        ended = await until_ended(manager, started.id)
    assert ended.reason == "the largest size of 1000000 bytes is reached"
    assert ended.state == "completed"
    files = await manager.catalog.files(ended.id)
    assert len(files) > 1
    # Sizes are looked at once a second; a busy machine adds a second or two of 60 kB each.
    first, *others = files
    assert first.size_bytes < 1_000_000
    assert all(file.size_bytes < 150_000 + 150_000 for file in others)
    assert ended.size_bytes is not None
    assert 800_000 < ended.size_bytes < 1_000_000 + 150_000
    assert all(read(Path(file.path)).in_order for file in files)


async def test_the_longest_duration_ends_it(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    async with (
        managing(settings_for(max_duration_s=3)) as manager,
        conference(livekit_server, "long"),
    ):
        limits = Limits(max_duration_s=60)
        started = await manager.start(StartRequest("long", "mp4", None, "low", limits=limits))
        ended = await until_ended(manager, started.id)
    assert (ended.state, ended.reason) == ("completed", "the longest duration of 3 s is reached")
    assert ended.duration_s is not None
    assert 3 <= ended.duration_s < 6
    assert read(Path(ended.output_path)).in_order


@pytest.mark.all_only
async def test_as_many_as_may(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    manager = create_manager(settings_for(max_recordings=1))
    async with (
        conference(livekit_server, "one too many"),
        serving(manager) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as client,
    ):
        await manager.catalog.create(row_of("other", "other", worker_starts=1))
        body = {"mint_id": "one too many", "output_format": "mp4", "video_quality": "low"}
        refused = await client.post("/api/recording/start", json=body)
        assert refused.status_code == 503
        assert refused.json()["error"].startswith("1 recordings are running")
        assert int(refused.headers["retry-after"]) == RETRY_AFTER_S
        assert list(manager.settings.output_directory.iterdir()) == []
        await manager.catalog.update("other", state="completed")
        assert (await client.post("/api/recording/start", json=body)).status_code == 200
        await until_received(manager, "one too many", FPS)
        await manager.stop("one too many")
    await nothing_left()


async def test_over_http(settings_for: Callable[..., Settings], livekit_server: Server) -> None:
    async with (
        conference(livekit_server, "http"),
        serving(create_manager(settings_for())) as url,
        httpx.AsyncClient(base_url=url, timeout=60) as client,
    ):
        body = {"mint_id": "http", "output_format": "mp4", "video_quality": "low"}
        refused = await client.post("/api/recording/start", json=body | {"split_minutes": 0.001})
        assert refused.status_code == 422
        assert "split_minutes" in refused.json()["error"]
        limited = body | {"split_minutes": 0.035, "max_duration_s": 11}
        id = (await client.post("/api/recording/start", json=limited)).json()["id"]
        async with asyncio.timeout(60):
            while (shown := (await client.get(f"/api/recordings/{id}")).json())["sha256"] is None:
                await asyncio.sleep(0.1)
            while (shown := (await client.get(f"/api/recordings/{id}")).json())["ended_at"] is None:
                await asyncio.sleep(0.1)
        assert shown["limits"] == {"split_s": 2.1, "max_duration_s": 11.0}
        assert shown["integrity"] == "whole"
        assert [file["part"] for file in shown["files"]][:2] == [1, 2]
        for file in shown["files"]:
            answer = await client.get(file["file_url"])
            assert answer.status_code == 200
            assert len(answer.content) == file["file_size_bytes"]
        assert (await client.get(f"/api/recordings/{id}/file?part=99")).status_code == 404
        paths = [Path(file["path"]) for file in shown["files"]]
        assert (await client.delete(f"/api/recordings/{id}")).status_code == 200
        assert not any(path.exists() for path in paths)
    await nothing_left()
