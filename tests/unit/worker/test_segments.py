"""A busy catalog holds no segment up, and gets its rows when it has the time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from orchestrator.catalog.models import Segment
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.encoding.process.capabilities import find_ffmpeg
from orchestrator.encoding.process.run_result import RunResult
from orchestrator.errors import Unavailable
from orchestrator.media import Stream
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.timeline_items import AudioItem
from orchestrator.worker.preview import Preview
from orchestrator.worker.segments.encoder_speed import EncoderSpeed
from orchestrator.worker.segments.segment_encoding import SegmentEncoding
from orchestrator.worker.segments.segment_positions import numbers_taken
from orchestrator.worker.segments.segments import Segments
from tests.kit.catalog.rows import recording, segment, url_of

ENDED = RunResult("failed", 1, ("[error] boom",), intended=False)


class Busy(Catalog):
    """Takes no segments while it is `busy`."""

    busy = False

    async def add_segment(self, segment: Segment) -> None:
        """Refuses, or does it."""
        if self.busy:
            raise Unavailable("The catalog can't be used now.")
        await super().add_segment(segment)


@pytest.fixture
async def busy(tmp_path: Path) -> AsyncIterator[Busy]:
    catalog = Busy(url_of(tmp_path / "busy.db"))
    await catalog.open(migrate=True)
    yield catalog
    await catalog.close()


async def segments_in(catalog: Catalog, folder: Path) -> Segments:
    stream = asdict(Stream("room", "demo"))
    row = recording("a", stream=stream, pipeline="mp4", work_directory=str(folder))
    await catalog.create(row)
    pipelines = Pipelines.load(None).by_name
    pipeline = pipelines["mp4"]
    ffmpeg = await find_ffmpeg(None, pipeline.encoders)
    encoding = SegmentEncoding(pipeline, pipelines, ffmpeg, 0, {})
    queue, speed = FrameQueue(2**23), EncoderSpeed(next=3)
    return Segments(
        recording=row,
        encoding=encoding,
        canvas=CanvasSize(64, 48),
        queue=queue,
        runtime=folder,
        catalog=catalog,
        preview=Preview(folder),
        numbers_taken=0,
        speed=speed,
    )


async def test_a_busy_catalog_holds_nothing_up(busy: Busy, tmp_path: Path) -> None:
    segments = await segments_in(busy, tmp_path)
    busy.busy = True
    plan = await segments.begin(1)
    await plan.ended(ENDED)
    assert await busy.segments("a") == []
    assert segments.whole_parts() == range(1, 1), "its end isn't written"
    with pytest.raises(Unavailable):
        await segments.save_all()
    busy.busy = False
    await segments.save_all()
    (row,) = await busy.segments("a")
    assert (row.number, row.outcome, row.returncode, row.part) == (1, "failed", 1, 1)
    assert row.stderr_tail == "[error] boom"


async def test_a_part_is_whole_when_all_its_segments_are(busy: Busy, tmp_path: Path) -> None:
    segments = await segments_in(busy, tmp_path)
    first = await segments.begin(1)
    segments.part = 2
    second = await segments.begin(2)
    assert list(segments.whole_parts()) == []
    await first.ended(ENDED)
    assert list(segments.whole_parts()) == [1]
    segments.part = 3
    await second.ended(ENDED)
    assert list(segments.whole_parts()) == [1, 2]
    assert [s.part for s in await busy.segments("a")] == [1, 2]


@pytest.mark.parametrize(("codec", "second_s"), [("aac", 0.64), ("flac", 1.0)])
async def test_audio_is_shared_within_a_part_only(
    busy: Busy, tmp_path: Path, codec: str, second_s: float
) -> None:
    """And only of codecs whose packets stand on the grid. A row has its place from the start on."""
    segments = await segments_in(busy, tmp_path)
    encoding = segments.encoding
    segments.encoding = replace(encoding, pipeline=replace(encoding.pipeline, audio_codec=codec))
    first = await segments.begin(1)
    segments._recent.add(AudioItem(0, 48_000, None))
    segments.queue.next_sample = 48_000
    await first.ended(ENDED)
    second = await segments.begin(2)
    await second.ended(ENDED)
    segments.part = 2
    third = await segments.begin(3)
    offsets = [row.offset_s for row in await busy.segments("a")]
    assert offsets == [0.0, second_s, 1.0]
    await third.ended(ENDED)


def test_no_number_is_used_twice(tmp_path: Path) -> None:
    assert numbers_taken([], tmp_path) == 0
    (tmp_path / "0003.mp4").touch()
    (tmp_path / "0009.log").touch()
    (tmp_path / "joined1.mp4").touch()
    assert numbers_taken([segment("a", 2)], tmp_path) == 9
    assert numbers_taken([segment("a", 12)], tmp_path) == 12
