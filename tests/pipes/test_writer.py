"""Real pipes: what the writer writes is read back by libav, every PTS and byte."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.fifo import Aborted, Fifo, ReaderGone
from orchestrator.pipes.items import AudioItem, Item, VideoItem
from orchestrator.pipes.overlap import Recent
from orchestrator.pipes.queue import FrameQueue
from orchestrator.pipes.writer import SegmentWriter

SIZE = CanvasSize(64, 48)


def picture(luma: int) -> av.VideoFrame:
    array = np.full((72, 64), 128, np.uint8)
    array[:48] = luma
    return av.VideoFrame.from_ndarray(array, format="yuv420p")


def sound(pts: int, value: int, count: int = 960) -> AudioItem:
    return AudioItem(pts, count, np.full((count, 2), value, np.int16))


class Reader(threading.Thread):
    """Reads the NUT like ffmpeg would."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.video: list[tuple[int, int]] = []
        self.audio: list[tuple[int, int]] = []
        self.start()

    def run(self) -> None:
        with av.open(str(self.path), format="nut") as container:
            for packet in container.demux():
                data = bytes(packet)
                if not data or packet.pts is None or packet.time_base is None:
                    continue
                at = packet.pts * packet.time_base
                if packet.stream.type == "video":
                    self.video.append((round(at * 90_000), data[0]))
                else:
                    self.audio.append((round(at * 48_000), len(data) // 4))


def make(
    path: Path,
    queue: FrameQueue,
    on_first: Callable[[], None] = lambda: None,
    recent: Recent | None = None,
) -> SegmentWriter:
    return SegmentWriter(
        Fifo(path), queue, SIZE, open_timeout_s=10, on_first=on_first, recent=recent
    )


def test_every_pts_and_picture_arrives(tmp_path: Path) -> None:
    queue, first = FrameQueue(2**24), threading.Event()
    writer = make(tmp_path / "a.nut", queue, first.set)
    reader = Reader(tmp_path / "a.nut")
    writer.start()
    times = [0, 3003, 6006, 100_000, 190_000]
    for n, pts in enumerate(times):
        queue.put_nowait(VideoItem(pts, picture(50 + n)))
        queue.put_nowait(sound(n * 960, 7))
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


def test_a_later_segment_begins_where_the_sound_goes_on(tmp_path: Path) -> None:
    start = 3600 * 48_000 - 24_000
    queue = FrameQueue(2**24)
    queue.next_sample = start
    writer = make(tmp_path / "b.nut", queue)
    reader = Reader(tmp_path / "b.nut")
    writer.start()
    queue.put_nowait(VideoItem(3599 * 90_000, picture(98)))
    queue.put_nowait(VideoItem(3600 * 90_000, picture(99)))
    queue.put_nowait(sound(start, 1))
    queue.close()
    assert writer.join(10)
    reader.join(10)
    assert reader.video == [(45_000, 99)]
    assert reader.audio == [(0, 960)]
    counts = writer.statistics()
    assert (counts.begins_s, counts.video_dropped) == (3599.5, 1)


def test_a_later_segment_shares_sound_with_the_one_before(tmp_path: Path) -> None:
    queue, recent = FrameQueue(2**24), Recent()
    readers, writers = [], []
    for number in range(2):
        for n in range(50 * number, 50 * (number + 1)):
            queue.put_nowait(VideoItem(n * 3000, picture(n)))
            queue.put_nowait(sound(n * 960, n))
        writer = make(tmp_path / f"{number}.nut", queue, recent=recent)
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
    assert readers[1].video[0] == (150_000 - 57_600, 50), "no picture twice"


def test_the_next_writer_goes_on_when_the_reader_dies(tmp_path: Path) -> None:
    queue = FrameQueue(2**26)
    writer = make(tmp_path / "c.nut", queue)
    writer.start()
    end = os.open(tmp_path / "c.nut", os.O_RDONLY)
    queue.put_nowait(VideoItem(0, picture(1)))
    queue.put_nowait(sound(0, 0, 9600))
    assert os.read(end, 4)
    os.close(end)
    for n in range(1, 200):
        queue.put_nowait(sound(n * 9600, n, 9600))
    assert writer.join(10)
    assert isinstance(writer.problem, ReaderGone)
    written = writer.statistics().audio_samples // 9600
    following = make(tmp_path / "d.nut", queue)
    reader = Reader(tmp_path / "d.nut")
    following.start()
    queue.close()
    assert following.join(10)
    reader.join(10)
    left = following.statistics().audio_samples // 9600
    assert left == 200 - written, "nothing in the queue is lost"


def test_finish_writes_what_waits_and_ends(tmp_path: Path) -> None:
    queue = FrameQueue(2**24)
    writer = make(tmp_path / "e.nut", queue)
    for n in range(20):
        queue.put_nowait(VideoItem(n * 3000, picture(n)))
    writer.finish()
    reader = Reader(tmp_path / "e.nut")
    writer.start()
    assert writer.join(10)
    reader.join(10)
    assert len(reader.video) == 20


@pytest.mark.parametrize("opened", [False, True])
def test_abort_ends_a_writer_that_waits(tmp_path: Path, opened: bool) -> None:
    queue = FrameQueue(2**28)
    writer = make(tmp_path / "f.nut", queue)
    writer.start()
    end = os.open(tmp_path / "f.nut", os.O_RDONLY | os.O_NONBLOCK) if opened else None
    for n in range(2000):
        queue.put_nowait(VideoItem(n, picture(1)))
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


def test_a_cut_leaves_the_rest_to_the_next_writer(tmp_path: Path) -> None:
    """Pictures run ahead of the sound, as they do in a recording."""
    queue = FrameQueue(2**26)
    writer, reader = make(tmp_path / "e.nut", queue), Reader(tmp_path / "e.nut")
    for n in range(30):
        queue.put_nowait(VideoItem(n * 3000, picture(n)))
    for n in range(20):
        queue.put_nowait(sound(n * 960, 1))
    writer.start()
    # All of it is written before the cut is asked for.
    while writer.statistics().end_s < 0.4:
        time.sleep(0.005)
    writer.cut()
    for n in range(30, 60):
        queue.put_nowait(VideoItem(n * 3000, picture(n)))
        queue.put_nowait(sound((n - 10) * 960, 1))
    for n in range(50, 100):
        queue.put_nowait(sound(n * 960, 1))
    assert writer.join(10)
    reader.join(10)
    assert writer.problem is None
    queue.close()
    following, next_reader = make(tmp_path / "f.nut", queue), Reader(tmp_path / "f.nut")
    following.start()
    assert following.join(10)
    next_reader.join(10)
    lumas = [luma for _, luma in reader.video + next_reader.video]
    assert lumas == list(range(60)), "each picture once, in order"
    assert 25 < len(next_reader.video) <= 30, "what was written is before the cut"
    first, second = writer.statistics(), following.statistics()
    assert second.begins_s == first.end_s, "to the sample"
    assert (second.video_dropped, second.end_s) == (0, 2.0)
    assert sum(count for _, count in reader.audio) == round(first.end_s * 48_000)
    assert sum(count for _, count in reader.audio + next_reader.audio) == 96_000


class Broken(SegmentWriter):
    """Its reader goes away as soon as it comes to the sound."""

    def _take(self, nut: object, item: Item) -> None:
        if isinstance(item, AudioItem):
            raise ReaderGone


def test_a_cut_in_vain_puts_everything_back(tmp_path: Path) -> None:
    queue = FrameQueue(2**26)
    writer = Broken(Fifo(tmp_path / "g"), queue, SIZE, open_timeout_s=1, on_first=lambda: None)
    writer._last_pts = 90_000
    items: list[Item] = [VideoItem(93_000, picture(2)), sound(48_000 - 480, 1), sound(48_480, 1)]
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
    """Else a last file would be left with some sound and no picture."""
    queue = FrameQueue(2**26)
    writer, reader = make(tmp_path / "h.nut", queue), Reader(tmp_path / "h.nut")
    queue.put_nowait(VideoItem(0, picture(1)))
    queue.put_nowait(sound(0, 1, 4800))
    writer.start()
    while writer.statistics().end_s < 0.1:
        time.sleep(0.005)
    writer.cut()
    queue.put_nowait(sound(4800, 1))
    queue.put_nowait(sound(5760, 1))
    while not queue.empty:
        time.sleep(0.005)
    assert not writer.join(0), "it waits for a picture behind the cut"
    queue.close()
    assert writer.join(10)
    reader.join(10)
    assert queue.empty
    assert sum(count for _, count in reader.audio) == 6720
