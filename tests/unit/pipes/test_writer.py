"""Real pipes: what the writer writes is read back by libav, every PTS and byte."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from orchestrator.pipes.fifo import Aborted, Fifo, ReaderGone
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.segment_audio_overlap import RecentAudio
from orchestrator.pipes.timeline_items import AudioItem, VideoItem
from orchestrator.pipes.writer import SegmentWriter
from tests.kit.pipe_reading import Reader, audio_item, new_writer, video_frame


def test_every_pts_and_frame_arrives(tmp_path: Path) -> None:
    queue, first = FrameQueue(2**24), threading.Event()
    writer = new_writer(tmp_path / "a.nut", queue, first.set)
    reader = Reader(tmp_path / "a.nut")
    writer.start()
    times = [0, 3003, 6006, 100_000, 190_000]
    for n, pts in enumerate(times):
        queue.put_nowait(VideoItem(pts, video_frame(50 + n)))
        queue.put_nowait(audio_item(n * 960, 7))
    queue.put_nowait(AudioItem(5 * 960, 100_000, None))
    queue.close()
    assert writer.join(10)
    reader.join(10)
    assert reader.video == [(pts, 50 + n) for n, pts in enumerate(times)]
    ends = [(pts + count) for pts, count in reader.audio]
    assert [pts for pts, _ in reader.audio] == [0, *ends[:-1]], "gapless"
    assert ends[-1] == 5 * 960 + 100_000
    counts = writer.statistics()
    assert (counts.video_frames, counts.audio_samples, counts.end_s) == (5, 4800, ends[-1] / 48_000)
    assert first.is_set()
    assert writer.problem is None
    assert not (tmp_path / "a.nut").exists()


def test_a_later_segment_begins_where_the_audio_goes_on(tmp_path: Path) -> None:
    start = 3600 * 48_000 - 24_000
    queue = FrameQueue(2**24)
    queue.next_sample = start
    writer = new_writer(tmp_path / "b.nut", queue)
    reader = Reader(tmp_path / "b.nut")
    writer.start()
    queue.put_nowait(VideoItem(3599 * 90_000, video_frame(98)))
    queue.put_nowait(VideoItem(3600 * 90_000, video_frame(99)))
    queue.put_nowait(audio_item(start, 1))
    queue.close()
    assert writer.join(10)
    reader.join(10)
    assert reader.video == [(45_000, 99)]
    assert reader.audio == [(0, 960)]
    counts = writer.statistics()
    assert (counts.begins_s, counts.video_dropped) == (3599.5, 1)


def test_a_later_segment_shares_audio_with_the_one_before(tmp_path: Path) -> None:
    queue, recent = FrameQueue(2**24), RecentAudio()
    readers, writers = [], []
    for number in range(2):
        for n in range(50 * number, 50 * (number + 1)):
            queue.put_nowait(VideoItem(n * 3000, video_frame(n)))
            queue.put_nowait(audio_item(n * 960, n))
        writer = new_writer(tmp_path / f"{number}.nut", queue, recent=recent)
        reader = Reader(tmp_path / f"{number}.nut")
        writer.start()
        writer.finish()
        assert writer.join(10)
        reader.join(10)
        readers.append(reader)
        writers.append(writer.statistics())
    assert (writers[0].end_s, writers[1].begins_s, writers[1].end_s) == (1.0, 0.64, 2.0)
    assert [count.audio_samples for count in writers] == [48_000, 48_000], "each is counted once"
    assert readers[1].audio[0] == (0, 960)
    assert sum(count for _, count in readers[1].audio) == 48_000 + 17_280
    assert readers[1].video[0] == (150_000 - 57_600, 50), "no frame twice"


def test_the_next_writer_goes_on_when_the_reader_dies(tmp_path: Path) -> None:
    queue = FrameQueue(2**26)
    writer = new_writer(tmp_path / "c.nut", queue)
    writer.start()
    end = os.open(tmp_path / "c.nut", os.O_RDONLY)
    queue.put_nowait(VideoItem(0, video_frame(1)))
    queue.put_nowait(audio_item(0, 0, 9600))
    assert os.read(end, 4)
    os.close(end)
    for n in range(1, 200):
        queue.put_nowait(audio_item(n * 9600, n, 9600))
    assert writer.join(10)
    assert isinstance(writer.problem, ReaderGone)
    written = writer.statistics().audio_samples // 9600
    following = new_writer(tmp_path / "d.nut", queue)
    reader = Reader(tmp_path / "d.nut")
    following.start()
    queue.close()
    assert following.join(10)
    reader.join(10)
    left = following.statistics().audio_samples // 9600
    assert left == 200 - written, "nothing in the queue is lost"


def until_written(writer: SegmentWriter, frames: int) -> None:
    while writer.statistics().video_frames < frames:
        time.sleep(0.005)


def died(path: Path, queue: FrameQueue, frames: int) -> SegmentWriter:
    """A writer whose reader took so many frames and died."""
    writer = new_writer(path, queue)
    writer.start()
    reader = Reader(path)
    until_written(writer, frames)
    writer.abort()
    assert writer.join(10)
    reader.join(10)
    return writer


def test_what_no_file_holds_is_given_to_the_next_writer(tmp_path: Path) -> None:
    queue = FrameQueue(2**26)
    queue.put_nowait(VideoItem(0, video_frame(0)))
    queue.put_nowait(AudioItem(0, 1200, None))
    for n in range(1, 60):
        queue.put_nowait(VideoItem(n * 3000, video_frame(n)))
    dead = died(tmp_path / "c.nut", queue, 60)
    assert dead.may_give_back
    dead.give_back()
    counts = dead.statistics()
    assert (counts.video_frames, counts.end_s, counts.reaches_s) == (0, 0, 0)
    for n in range(60, 90):
        queue.put_nowait(VideoItem(n * 3000, video_frame(n)))
    queue.put_nowait(audio_item(1200, 1, 143_000))
    queue.close()
    following, reader = new_writer(tmp_path / "d.nut", queue), Reader(tmp_path / "d.nut")
    following.start()
    assert following.join(10)
    reader.join(10)
    assert reader.video == [(n * 3000, n) for n in range(90)], "each of them once"
    assert reader.audio[0][0] == 0
    assert not following.may_give_back


def test_what_may_be_in_a_file_is_not_written_again(tmp_path: Path) -> None:
    queue = FrameQueue(2**26)
    queue.put_nowait(audio_item(0, 1, 48_000))
    for n in range(30):
        queue.put_nowait(VideoItem(n * 3000, video_frame(n)))
    dead = died(tmp_path / "c.nut", queue, 30)
    assert not dead.may_give_back
    dead.give_back()
    assert queue.empty


def test_finish_writes_what_waits_and_ends(tmp_path: Path) -> None:
    queue = FrameQueue(2**24)
    writer = new_writer(tmp_path / "e.nut", queue)
    for n in range(20):
        queue.put_nowait(VideoItem(n * 3000, video_frame(n)))
    writer.finish()
    reader = Reader(tmp_path / "e.nut")
    writer.start()
    assert writer.join(10)
    reader.join(10)
    assert len(reader.video) == 20


@pytest.mark.parametrize("opened", [False, True])
def test_abort_ends_a_writer_that_waits(tmp_path: Path, opened: bool) -> None:
    queue = FrameQueue(2**28)
    writer = new_writer(tmp_path / "f.nut", queue)
    writer.start()
    end = os.open(tmp_path / "f.nut", os.O_RDONLY | os.O_NONBLOCK) if opened else None
    for n in range(2000):
        queue.put_nowait(VideoItem(n, video_frame(1)))
    writer.abort()
    assert writer.join(5)
    assert isinstance(writer.problem, Aborted)
    if end is not None:
        os.close(end)


def test_a_reader_that_never_comes(tmp_path: Path) -> None:
    fifo = Fifo(tmp_path / "g.nut")
    with pytest.raises(ReaderGone, match=r"within 0\.05 s"):
        fifo.open(0.05)
    fifo.close()
    assert not fifo.path.exists()


def test_the_pipe_is_private(tmp_path: Path) -> None:
    fifo = Fifo(tmp_path / "h.nut")
    assert fifo.path.stat().st_mode & 0o777 == 0o600
    fifo.close()
