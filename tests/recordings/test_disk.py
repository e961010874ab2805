"""Disks that are full, read-only or gone, with everything real: what is written stays."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import pytest

from orchestrator.catalog.models import Recording, Segment
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.capabilities import find_ffmpeg
from orchestrator.encoding.presets import Presets
from orchestrator.errors import NotEnoughDisk
from orchestrator.media import Stream
from orchestrator.recordings.finish import conclude
from orchestrator.recordings.ledger import Ledger
from orchestrator.recordings.request import StartRequest
from orchestrator.recordings.segments import Encoding
from orchestrator.settings import Settings
from tests.catalog.rows import NOON, recording
from tests.encoding.fakes import picture_times
from tests.encoding.test_mend import fragmented, head_of_last
from tests.encoding.test_real import Bench
from tests.reading import read
from tests.recordings.conftest import managing
from tests.recordings.disk import Disk, mounted
from tests.recordings.test_split import until_ended
from tests.recordings.waits import FPS, eventually, until_more, until_received
from tests.rooms import Server, publish

MIB = 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path / "disk", mib=8) as made:
        if made is None:
            pytest.skip("mounting a small file system takes root (and CAP_SYS_ADMIN)")
        yield made


@pytest.mark.livekit
async def test_a_disk_that_fills_at_once_costs_nothing_written(
    settings_for: Callable[..., Settings], livekit_server: Server, disk: Disk
) -> None:
    settings = settings_for(output_directory=disk.path / "out", max_restarts=1)
    async with managing(settings) as manager, publish(livekit_server, "enospc"):
        started = await manager.start(StartRequest("enospc", "mp4", None, "low"))
        segment = Path(started.work_directory) / "0001.mp4"
        await eventually(lambda: end_of(segment) > 1, lambda: end_of(segment), within_s=60)
        before = end_of(segment)
        disk.fill(0)
        ended = await until_ended(manager, started.id)
        # Whichever sees it first: ffmpeg, or the look at the disk between two of them.
        seen = f"{ended.error} {ended.detail} {ended.reason}"
        assert "No space left on device" in seen or "only 0.0 MiB are free" in seen
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
    async with managing(settings) as manager, publish(livekit_server, "reserve"):
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
    async with managing(settings) as manager, publish(livekit_server, "gone"):
        started = await manager.start(StartRequest("gone", "mp4", None, "low"))
        await until_received(manager, "gone", FPS)
        settings.output_directory.rename(tmp_path / "elsewhere")
        ended = await until_ended(manager, started.id)
    assert (ended.state, ended.error_code) == ("failed", "output_lost")
    assert ended.error is not None
    assert started.work_directory in ended.error
    (segment,) = (tmp_path / "elsewhere").glob(".*/0001.mp4")
    assert read(segment).in_order, "it lies where it was taken to"


async def made(folder: Path, catalog: Catalog, count: int) -> tuple[Ledger, Encoding]:
    """A recording of so many real segments in the folder, about to be concluded."""
    presets = Presets.load(None)
    work = folder / ".x.mp4.haven"
    stream = asdict(Stream("room", "demo"))
    paths = {"output_path": str(folder / "x.mp4"), "work_directory": str(work)}
    row = recording("a", stream=stream, state="stopping", pipeline="mp4", started_at=NOON, **paths)
    await catalog.create(row)
    for number in range(1, count + 1):
        work.mkdir(exist_ok=True)
        bench = Bench(work, presets, "mp4")
        bench.output = work / f"{number:04d}.mp4"
        assert (await bench.record([n * 3000 for n in range(90)])).outcome == "finished"
        bench.fifo.unlink()
        await catalog.add_segment(
            Segment(
                recording_id="a",
                number=number,
                path=str(bench.output),
                started_at=NOON,
                offset_s=3.0 * (number - 1),
                end_s=3.0 * number,
                outcome="finished",
                video_frames=90,
                audio_samples=144_000,
            )
        )
    preset = presets.get("mp4")
    ffmpeg = await find_ffmpeg(None, preset.encoders)
    return Ledger(row, catalog), Encoding(preset, {}, ffmpeg, 0, {"recording_id": "a"})


async def concluded(ledger: Ledger, encoding: Encoding) -> Recording:
    ready: asyncio.Future[Encoding] = asyncio.get_running_loop().create_future()
    ready.set_result(encoding)
    await conclude(ledger, ready, "stopped", None)
    return await ledger.catalog.get("a")


async def test_a_folder_that_is_read_only_keeps_the_segments(disk: Disk, catalog: Catalog) -> None:
    ledger, encoding = await made(disk.path, catalog, 1)
    disk.protect()
    ended = await concluded(ledger, encoding)
    assert ended.state == "failed"
    assert "Read-only file system" in str(ended.error)
    assert str(disk.path / ".x.mp4.haven") in str(ended.detail)
    (segment,) = await catalog.segments("a")
    assert len(picture_times(Path(segment.path))) == 90, "it plays"
    assert await catalog.files("a") == []


async def test_without_room_to_join_the_segments_are_kept(disk: Disk, catalog: Catalog) -> None:
    ledger, encoding = await made(disk.path, catalog, 2)
    disk.fill(10_000)
    ended = await concluded(ledger, encoding)
    assert (ended.state, ended.error_code) == ("failed", "not_enough_disk")
    assert str(disk.path / ".x.mp4.haven") in str(ended.detail)
    assert all(Path(s.path).is_file() for s in await catalog.segments("a"))
    # With room again, as the next worker would.
    disk.make_room()
    await catalog.update("a", state="stopping")
    again = await concluded(Ledger(await catalog.get("a"), catalog), encoding)
    assert again.state == "completed"
    assert again.duration_s == pytest.approx(6, abs=0.1)
    assert not (disk.path / ".x.mp4.haven").exists()


async def test_without_room_a_lone_cut_segment_is_given_as_it_is(
    disk: Disk, catalog: Catalog
) -> None:
    ledger, encoding = await made(disk.path, catalog, 1)
    await catalog.update_segment("a", 1, outcome="killed", end_s=13.0)
    empty = disk.path / ".x.mp4.haven" / "0002.mp4"
    empty.touch()  # by an ffmpeg that found no room
    row = {"recording_id": "a", "number": 2, "started_at": NOON, "offset_s": 13.0}
    await catalog.add_segment(Segment(**row, path=str(empty), outcome="failed"))
    disk.fill(0)
    ended = await concluded(ledger, encoding)
    assert (ended.state, ended.error) == ("completed", None)
    (file,) = await catalog.files("a")
    assert file.problem == "The file plays, but it is 3.0 s long, and 13.0 s were recorded."
    assert not (disk.path / ".x.mp4.haven").exists(), "it held nothing more"


async def test_segments_that_nobody_can_read_are_kept_when_much_was_written(
    tmp_path: Path, catalog: Catalog
) -> None:
    for end_s, kept in ((4.0, False), (9.0, True)):
        ledger, encoding = await made(tmp_path, catalog, 1)
        work = tmp_path / ".x.mp4.haven"
        (work / "0001.mp4").write_bytes(b"nothing that anybody reads")
        await catalog.update_segment("a", 1, outcome="failed", end_s=end_s)
        ended = await concluded(ledger, encoding)
        assert (ended.state, ended.error_code) == ("failed", "encoding_failed")
        assert ((work / "0001.mp4").exists(), str(work) in str(ended.detail)) == (kept, kept)
        await catalog.delete("a")


async def test_a_segment_that_is_cut_in_a_fragments_head_is_read(
    tmp_path: Path, catalog: Catalog
) -> None:
    ledger, encoding = await made(tmp_path, catalog, 1)
    segment = tmp_path / ".x.mp4.haven" / "0001.mp4"
    fragmented(segment)
    os.truncate(segment, head_of_last(segment.read_bytes())[40])
    await catalog.update_segment("a", 1, outcome="failed", end_s=3.0, audio_samples=0)
    ended = await concluded(ledger, encoding)
    assert (ended.state, ended.error) == ("completed", None)
    (file,) = await catalog.files("a")
    assert file.integrity == "whole"
    assert end_of(Path(file.path)) > 1.5


async def test_a_worker_that_died_after_publishing(disk: Disk, catalog: Catalog) -> None:
    """The file is in its place, its row isn't written: it is found, not made a second time."""
    ledger, encoding = await made(disk.path, catalog, 2)
    kept = await catalog.segments("a")
    data = {segment.path: Path(segment.path).read_bytes() for segment in kept}
    assert (await concluded(ledger, encoding)).state == "completed"
    await catalog.delete("a")
    await catalog.create(recording("a", **columns(ledger.recording)))
    for segment in kept:
        row = {c.key: getattr(segment, c.key) for c in Segment.__table__.columns}
        await catalog.add_segment(Segment(**row))
        Path(segment.path).parent.mkdir(exist_ok=True)
        Path(segment.path).write_bytes(data[segment.path])
    ended = await concluded(Ledger(await catalog.get("a"), catalog), encoding)
    assert ended.state == "completed"
    assert [p.name for p in disk.path.iterdir()] == ["x.mp4"]
    (file,) = await catalog.files("a")
    assert (file.path, file.integrity) == (str(disk.path / "x.mp4"), "whole")


async def test_a_segment_that_the_catalog_never_took(tmp_path: Path, catalog: Catalog) -> None:
    """Its worker was killed while the catalog was busy: the file is all there is of it."""
    ledger, encoding = await made(tmp_path, catalog, 3)
    await catalog.delete("a")
    await catalog.create(recording("a", **columns(ledger.recording)))
    for number in (1, 3):
        path = tmp_path / ".x.mp4.haven" / f"{number:04d}.mp4"
        row = Segment(recording_id="a", number=number, path=str(path), started_at=NOON)
        row.offset_s, row.end_s = 6.0 * (number - 1), 6.0 * (number - 1) + 3
        row.outcome, row.video_frames, row.audio_samples = "finished", 90, 144_000
        await catalog.add_segment(row)
    lost = tmp_path / ".x.mp4.haven" / "0002.mp4"
    at = NOON.timestamp() + 8.5
    os.utime(lost, (at, at))
    ended = await concluded(Ledger(await catalog.get("a"), catalog), encoding)
    assert ended.state == "completed"
    second = (await catalog.segments("a"))[1]
    assert second.path == str(lost)
    assert second.offset_s == pytest.approx(5.5, abs=0.2)
    times = picture_times(Path(ended.output_path))
    assert len(times) == 270
    assert times[90] == pytest.approx(second.offset_s, abs=0.01)
    assert times[180] == pytest.approx(12, abs=0.01)


def columns(row: Recording) -> dict[str, Any]:
    wanted = ("stream", "output_path", "work_directory", "pipeline", "started_at")
    return {name: getattr(row, name) for name in wanted} | {"state": "stopping"}
