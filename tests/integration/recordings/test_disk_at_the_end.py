"""Finishing a recording on disks that are full or read-only, and after lost writes."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from orchestrator.catalog.models import Recording, Segment
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.encoding.process.capabilities import find_ffmpeg
from orchestrator.media import Stream
from orchestrator.mediafiles.headroom import keep_ballast
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.finishing.finish import conclude
from orchestrator.worker.segments.segment_encoding import SegmentEncoding
from orchestrator.worker.segments.segment_positions import SegmentPosition, write_position
from tests.integration.recordings.test_disk import end_of
from tests.kit.catalog.rows import NOON, recording
from tests.kit.fakes import frame_times
from tests.kit.recordings.disk import Disk, btrfs, use_up
from tests.unit.encoding.test_real_ffmpeg import Bench
from tests.unit.encoding.test_repair import fragmented, head_of_last

pytestmark = pytest.mark.real_time


async def made(folder: Path, catalog: Catalog, count: int) -> tuple[CatalogEntry, SegmentEncoding]:
    """A recording of so many real segments in the folder, about to be concluded."""
    pipelines = Pipelines.load(None)
    work = folder / ".x.mp4.haven"
    stream = asdict(Stream("room", "demo"))
    paths = {"output_path": str(folder / "x.mp4"), "work_directory": str(work)}
    row = recording("a", stream=stream, state="stopping", pipeline="mp4", started_at=NOON, **paths)
    await catalog.create(row)
    for number in range(1, count + 1):
        work.mkdir(exist_ok=True)
        bench = Bench(work, pipelines, "mp4")
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
    pipeline = pipelines.get("mp4")
    ffmpeg = await find_ffmpeg(None, pipeline.encoders)
    return CatalogEntry(row, catalog), SegmentEncoding(
        pipeline, {}, ffmpeg, 0, {"recording_id": "a"}
    )


async def concluded(entry: CatalogEntry, encoding: SegmentEncoding) -> Recording:
    ready: asyncio.Future[SegmentEncoding] = asyncio.get_running_loop().create_future()
    ready.set_result(encoding)
    await conclude(entry, ready, "stopped", None)
    return await entry.catalog.get("a")


async def test_a_folder_that_is_read_only_keeps_the_segments(disk: Disk, catalog: Catalog) -> None:
    entry, encoding = await made(disk.path, catalog, 1)
    disk.protect()
    ended = await concluded(entry, encoding)
    assert ended.state == "failed"
    assert "Read-only file system" in str(ended.error)
    assert str(disk.path / ".x.mp4.haven") in str(ended.detail)
    (segment,) = await catalog.segments("a")
    assert len(frame_times(Path(segment.path))) == 90, "it plays"
    assert await catalog.files("a") == []


async def test_without_room_to_join_each_segment_becomes_a_file(
    disk: Disk, catalog: Catalog
) -> None:
    entry, encoding = await made(disk.path, catalog, 3)
    await catalog.update_segment("a", 3, part=2)
    disk.fill(10_000)
    ended = await concluded(entry, encoding)
    await are_files_apart(ended, catalog, offsets_s=[0, 6, 3], names=["x", "x_part2", "x_part3"])


async def are_files_apart(
    ended: Recording, catalog: Catalog, *, offsets_s: list[float], names: list[str]
) -> None:
    """Each segment of 3 s is a whole file of its own, and nothing else is left."""
    assert (ended.state, f"{ended.error} {ended.detail}") == ("completed", "None None")
    files = await catalog.files("a")
    assert [Path(file.path).name for file in files] == [f"{name}.mp4" for name in names]
    assert [file.offset_s for file in files] == offsets_s
    assert {file.integrity for file in files} == {"whole"}
    assert ended.duration_s == pytest.approx(3 * len(files), abs=0.1)
    assert all(len(frame_times(Path(file.path))) == 90 for file in files)
    assert not Path(ended.work_directory).exists()


@pytest.mark.all_only
async def test_a_quota_that_the_join_runs_into(tmp_path: Path, catalog: Catalog) -> None:
    """Free space doesn't show it: that there is no room is learned from ffmpeg."""
    with btrfs(tmp_path / "disk", quota_mib=8) as folder:
        if folder is None:
            pytest.skip("a btrfs with a quota takes root, a loop device and btrfs-progs")
        entry, encoding = await made(folder, catalog, 12)
        keep_ballast(folder / ".x.mp4.haven")  # as the worker did
        use_up(folder / "filler")
        ended = await concluded(entry, encoding)
        names = ["x", *(f"x_part{number}" for number in range(2, 13))]
        offsets_s = [3.0 * number for number in range(12)]
        await are_files_apart(ended, catalog, offsets_s=offsets_s, names=names)


async def test_without_room_a_lone_cut_segment_is_given_as_it_is(
    disk: Disk, catalog: Catalog
) -> None:
    entry, encoding = await made(disk.path, catalog, 1)
    await catalog.update_segment("a", 1, outcome="killed", end_s=13.0)
    empty = disk.path / ".x.mp4.haven" / "0002.mp4"
    empty.touch()  # by an ffmpeg that found no room
    row = {"recording_id": "a", "number": 2, "started_at": NOON, "offset_s": 13.0}
    await catalog.add_segment(Segment(**row, path=str(empty), outcome="failed"))
    disk.fill(0)
    ended = await concluded(entry, encoding)
    assert (ended.state, ended.error) == ("completed", None)
    (file,) = await catalog.files("a")
    assert file.problem == "The file plays, but it is 3.0 s long, and 13.0 s were recorded."
    assert not (disk.path / ".x.mp4.haven").exists(), "it held nothing more"


@pytest.mark.all_only
async def test_segments_that_nobody_can_read_are_kept_when_much_was_written(
    tmp_path: Path, catalog: Catalog
) -> None:
    for end_s, kept in ((4.0, False), (9.0, True)):
        entry, encoding = await made(tmp_path, catalog, 1)
        work = tmp_path / ".x.mp4.haven"
        (work / "0001.mp4").write_bytes(b"nothing that anybody reads")
        await catalog.update_segment("a", 1, outcome="failed", end_s=end_s)
        ended = await concluded(entry, encoding)
        assert (ended.state, ended.error_code) == ("failed", "encoding_failed")
        assert ((work / "0001.mp4").exists(), str(work) in str(ended.detail)) == (kept, kept)
        await catalog.delete("a")


@pytest.mark.all_only
async def test_a_segment_that_is_cut_in_a_fragments_head_is_read(
    tmp_path: Path, catalog: Catalog
) -> None:
    entry, encoding = await made(tmp_path, catalog, 1)
    segment = tmp_path / ".x.mp4.haven" / "0001.mp4"
    fragmented(segment)
    os.truncate(segment, head_of_last(segment.read_bytes())[40])
    await catalog.update_segment("a", 1, outcome="failed", end_s=3.0, audio_samples=0)
    ended = await concluded(entry, encoding)
    assert (ended.state, ended.error) == ("completed", None)
    (file,) = await catalog.files("a")
    assert file.integrity == "whole"
    assert end_of(Path(file.path)) > 1.5


async def test_a_worker_that_died_after_publishing(disk: Disk, catalog: Catalog) -> None:
    """The file is in its place, its row isn't written: it is found, not made a second time."""
    entry, encoding = await made(disk.path, catalog, 2)
    kept = await catalog.segments("a")
    data = {segment.path: Path(segment.path).read_bytes() for segment in kept}
    assert (await concluded(entry, encoding)).state == "completed"
    await catalog.delete("a")
    await catalog.create(recording("a", **columns(entry.recording)))
    for segment in kept:
        row = {c.key: getattr(segment, c.key) for c in Segment.__table__.columns}
        await catalog.add_segment(Segment(**row))
        Path(segment.path).parent.mkdir(exist_ok=True)
        Path(segment.path).write_bytes(data[segment.path])
    ended = await concluded(CatalogEntry(await catalog.get("a"), catalog), encoding)
    assert ended.state == "completed"
    assert [p.name for p in disk.path.iterdir()] == ["x.mp4"]
    (file,) = await catalog.files("a")
    assert (file.path, file.integrity) == (str(disk.path / "x.mp4"), "whole")


@pytest.mark.all_only
async def test_a_segment_that_the_catalog_never_took(tmp_path: Path, catalog: Catalog) -> None:
    """Its worker was killed while the catalog was busy: its file says what, and its place where."""
    entry, encoding = await made(tmp_path, catalog, 3)
    await catalog.delete("a")
    await catalog.create(recording("a", **columns(entry.recording)))
    for number in (1, 3):
        path = tmp_path / ".x.mp4.haven" / f"{number:04d}.mp4"
        row = Segment(recording_id="a", number=number, path=str(path), started_at=NOON)
        row.offset_s, row.end_s = 6.0 * (number - 1), 6.0 * (number - 1) + 3
        row.outcome, row.video_frames, row.audio_samples = "finished", 90, 144_000
        await catalog.add_segment(row)
    lost = tmp_path / ".x.mp4.haven" / "0002.mp4"
    write_position(lost, SegmentPosition(5.5, 1))
    ended = await concluded(CatalogEntry(await catalog.get("a"), catalog), encoding)
    assert ended.state == "completed"
    second = (await catalog.segments("a"))[1]
    assert second.path == str(lost)
    assert second.offset_s == pytest.approx(5.5, abs=0.2)
    times = frame_times(Path(ended.output_path))
    assert len(times) == 270
    assert times[90] == pytest.approx(second.offset_s, abs=0.01)
    assert times[180] == pytest.approx(12, abs=0.01)


def columns(row: Recording) -> dict[str, Any]:
    wanted = ("stream", "output_path", "work_directory", "pipeline", "started_at")
    return {name: getattr(row, name) for name in wanted} | {"state": "stopping"}
