"""Real pipes: a cut ends the file at one moment, and the next writer gets the rest."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator.pipes.fifo import Fifo, ReaderGone
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.timeline_items import AudioItem, Item, VideoItem
from orchestrator.pipes.writer import SegmentWriter
from tests.kit.pipe_reading import SIZE, Reader, audio_item, new_writer, video_frame


def test_a_cut_leaves_the_rest_to_the_next_writer(tmp_path: Path) -> None:
    """Video runs ahead of the audio, as they do in a recording."""
    queue = FrameQueue(2**26)
    writer, reader = new_writer(tmp_path / "e.nut", queue), Reader(tmp_path / "e.nut")
    for n in range(30):
        queue.put_nowait(VideoItem(n * 3000, video_frame(n)))
    for n in range(20):
        queue.put_nowait(audio_item(n * 960, 1))
    writer.start()
    # All of it is written before the cut is asked for.
    while writer.statistics().end_s < 0.4:
        time.sleep(0.005)
    writer.cut()
    for n in range(30, 60):
        queue.put_nowait(VideoItem(n * 3000, video_frame(n)))
        queue.put_nowait(audio_item((n - 10) * 960, 1))
    for n in range(50, 100):
        queue.put_nowait(audio_item(n * 960, 1))
    assert writer.join(10)
    reader.join(10)
    assert writer.problem is None
    queue.close()
    following, next_reader = new_writer(tmp_path / "f.nut", queue), Reader(tmp_path / "f.nut")
    following.start()
    assert following.join(10)
    next_reader.join(10)
    lumas = [luma for _, luma in reader.video + next_reader.video]
    assert lumas == list(range(60)), "each frame once, in order"
    assert 25 < len(next_reader.video) <= 30, "what was written is before the cut"
    first, second = writer.statistics(), following.statistics()
    assert second.begins_s == first.end_s, "to the sample"
    assert (second.video_dropped, second.end_s) == (0, 2.0)
    assert sum(count for _, count in reader.audio) == round(first.end_s * 48_000)
    assert sum(count for _, count in reader.audio + next_reader.audio) == 96_000


class Broken(SegmentWriter):
    """Its reader goes away as soon as it comes to the audio."""

    def _take(self, nut: object, item: Item) -> None:
        if isinstance(item, AudioItem):
            raise ReaderGone


def test_a_cut_in_vain_puts_everything_back(tmp_path: Path) -> None:
    queue = FrameQueue(2**26)
    writer = Broken(Fifo(tmp_path / "g"), queue, SIZE, open_timeout_s=1, on_first=lambda: None)
    writer._last_pts = 90_000
    items: list[Item] = [
        VideoItem(93_000, video_frame(2)),
        audio_item(48_000 - 480, 1),
        audio_item(48_480, 1),
    ]
    for item in items:
        queue.put_nowait(item)
    with pytest.raises(ReaderGone):
        writer._write_until_cut(None)  # type: ignore[arg-type]
    left = [queue.get(0) for _ in range(4)]
    spans = [(i.pts, i.count) for i in left if isinstance(i, AudioItem)]
    assert spans == [(47_520, 482), (48_002, 478), (48_480, 960)]
    assert [i.pts for i in left if isinstance(i, VideoItem)] == [93_000]
    assert queue.empty


def test_what_comes_after_a_cut_that_the_end_overtook_is_in_the_same_file(tmp_path: Path) -> None:
    """Else a last file would be left with some audio and no video."""
    queue = FrameQueue(2**26)
    writer, reader = new_writer(tmp_path / "h.nut", queue), Reader(tmp_path / "h.nut")
    queue.put_nowait(VideoItem(0, video_frame(1)))
    queue.put_nowait(audio_item(0, 1, 4800))
    writer.start()
    while writer.statistics().end_s < 0.1:
        time.sleep(0.005)
    writer.cut()
    queue.put_nowait(audio_item(4800, 1))
    queue.put_nowait(audio_item(5760, 1))
    while not queue.empty:
        time.sleep(0.005)
    assert not writer.join(0), "it waits for video behind the cut"
    queue.close()
    assert writer.join(10)
    reader.join(10)
    assert queue.empty
    assert sum(count for _, count in reader.audio) == 6720
