"""Recording onto disks that fill up or disappear, with everything real: what is written stays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from signal import SIGXFSZ

import av
import psutil
import pytest

from orchestrator.errors import NotEnoughDisk
from orchestrator.recordings.start_request import StartRequest
from orchestrator.settings import Settings
from tests.integration.recordings.test_split import until_ended
from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import Server
from tests.kit.managing import managing
from tests.kit.recordings.disk import Disk, btrfs, use_up
from tests.kit.recordings.waits import FPS, eventually, until_more, until_on_disk, until_received
from tests.kit.signals.reading import read

pytestmark = pytest.mark.real_time


MIB = 2**20


@pytest.mark.all_only
@pytest.mark.livekit
async def test_a_disk_that_fills_at_once_costs_nothing_written(
    settings_for: Callable[..., Settings], livekit_server: Server, disk: Disk
) -> None:
    settings = settings_for(output_directory=disk.path / "out", max_restarts=1)
    async with managing(settings) as manager, conference(livekit_server, "enospc"):
        started = await manager.start(StartRequest("enospc", "mp4", None, "low"))
        segment = Path(started.work_directory) / "0001.mp4"
        await eventually(lambda: end_of(segment) > 1, lambda: end_of(segment), within_s=60)
        before = end_of(segment)
        disk.fill(0)
        ended = await until_ended(manager, started.id)
        # Whichever sees it first: ffmpeg, or the look at the disk between two of them.
        seen = f"{ended.error} {ended.detail} {ended.reason}"
        assert "no space is left on the disk (ENOSPC)" in seen or "only 0.0 MiB are free" in seen
        files = await manager.catalog.files(ended.id)
        # The next ffmpeg may have found a few bytes: two segments can't be joined without room.
        assert end_of(Path(files[0].path) if files else segment) >= before
        assert files or ended.work_directory in str(ended.detail), "it says where they are"


def end_of(path: Path) -> float:
    """How far a file plays that is being written, or whose last fragment is cut, in seconds."""
    last_s = 0.0
    with suppress(av.FFmpegError), av.open(str(path)) as file:
        for frame in file.decode(video=0):
            last_s = frame.time or last_s
    return last_s


@pytest.mark.livekit
async def test_under_the_reserve_it_is_finished_in_time(
    settings_for: Callable[..., Settings], livekit_server: Server, disk: Disk
) -> None:
    settings = settings_for(output_directory=disk.path / "out", disk_reserve_bytes=2 * MIB)
    async with managing(settings) as manager, conference(livekit_server, "reserve"):
        started = await manager.start(StartRequest("reserve", "mp4", None, "low"))
        await until_received(manager, "reserve", 2 * FPS)
        disk.fill(3 * MIB)
        await until_more(manager, "reserve", FPS)
        disk.make_room()
        disk.fill(MIB)
        ended = await until_ended(manager, started.id)
        assert ended.state == "completed"
        assert ended.reason is not None
        assert ended.reason.endswith(f"MiB are free in {disk.path / 'out'}")
        assert len(read(Path(ended.output_path)).codes) >= 2 * FPS
        with pytest.raises(NotEnoughDisk):
            await manager.start(StartRequest("reserve", "mp4", None, "low"))


@pytest.mark.livekit
async def test_a_folder_that_disappears(
    settings_for: Callable[..., Settings], livekit_server: Server, tmp_path: Path
) -> None:
    settings = settings_for()
    async with managing(settings) as manager, conference(livekit_server, "gone"):
        started = await manager.start(StartRequest("gone", "mp4", None, "low"))
        await until_received(manager, "gone", FPS)
        settings.output_directory.rename(tmp_path / "elsewhere")
        ended = await until_ended(manager, started.id)
    assert (ended.state, ended.error_code) == ("failed", "output_lost")
    assert ended.error is not None
    assert started.work_directory in ended.error
    (segment,) = (tmp_path / "elsewhere").glob(".*/0001.mp4")
    assert read(segment).in_order, "it lies where it was taken to"


@pytest.mark.all_only
@pytest.mark.livekit
async def test_a_quota_that_is_used_up_while_it_records(
    settings_for: Callable[..., Settings], livekit_server: Server, tmp_path: Path
) -> None:
    with btrfs(tmp_path / "disk", quota_mib=16) as folder:
        if folder is None:
            pytest.skip("a btrfs with a quota takes root, a loop device and btrfs-progs")
        settings = settings_for(output_directory=folder / "out")
        async with managing(settings) as manager, conference(livekit_server, "quota"):
            started = await manager.start(StartRequest("quota", "mp4", None, "low"))
            await until_on_disk(manager, "quota", 100_000)
            use_up(folder / "filler")
            ended = await until_ended(manager, started.id)
            assert (ended.state, f"{ended.error} {ended.detail}") == ("completed", "None None")
            assert "the disk quota is used up (EDQUOT)" in str(ended.reason)
            assert len(read(Path(ended.output_path)).codes) >= FPS
            with pytest.raises(NotEnoughDisk, match="quota"):
                await manager.start(StartRequest("quota", "mp4", None, "low"))


@pytest.mark.all_only
@pytest.mark.livekit
async def test_a_file_that_reaches_the_largest_size(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    """Of ffmpeg alone, so that nobody knows it before: SIGXFSZ ends it, the next one goes on."""
    async with managing(settings_for()) as manager, conference(livekit_server, "fsize"):
        started = await manager.start(StartRequest("fsize", "mp4", None, "low"))
        await until_received(manager, "fsize", FPS)
        row = await manager.get(started.id)
        assert row.worker_pid is not None
        (ffmpeg,) = psutil.Process(row.worker_pid).children()
        ffmpeg.rlimit(psutil.RLIMIT_FSIZE, (60_000, 60_000))
        async with asyncio.timeout(60):
            while len(await manager.catalog.segments(started.id)) < 2:
                await asyncio.sleep(0.05)
        await until_more(manager, "fsize", FPS)
        ended = await manager.stop("fsize")
        first, *_ = await manager.catalog.segments(started.id)
        (file,) = await manager.catalog.files(started.id)
        messages = [event.message for event in await manager.catalog.events(started.id)]
    assert (ended.state, first.outcome, first.returncode) == ("completed", "killed", -SIGXFSZ)
    assert (file.integrity, file.problem) == ("whole", None)
    assert any("the largest size allowed" in message for message in messages)
