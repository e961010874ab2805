"""Bounded, in order, thinned evenly; what is dropped is counted."""

from __future__ import annotations

import threading

import av
import numpy as np
import pytest

from orchestrator.pipes.frame_queue import AUDIO_LIMIT_BYTES, FrameQueue, keep_one_in
from orchestrator.pipes.timeline_items import AudioItem, VideoItem

VIDEO_FRAME = av.VideoFrame(640, 480, "yuv420p")
SIZE = 640 * 480 * 3 // 2


def audio_item(pts: int, count: int = 960) -> AudioItem:
    return AudioItem(pts, count, np.zeros((count, 2), np.int16))


@pytest.mark.parametrize(
    ("used", "every"), [(0, 1), (49, 1), (50, 2), (74, 2), (75, 4), (99, 4), (100, 0), (200, 0)]
)
def test_thinning(used: int, every: int) -> None:
    assert keep_one_in(used, 100) == every


def test_frames_are_thinned_evenly_and_never_beyond_the_bound() -> None:
    queue = FrameQueue(20 * SIZE)
    taken = [n for n in range(100) if queue.put_nowait(VideoItem(n, VIDEO_FRAME))]
    steps = np.diff(taken)
    assert set(steps[:8]) == {1}
    assert 2 in steps
    assert 4 in steps
    assert list(steps) == sorted(steps)
    counts = queue.statistics()
    assert counts.waiting_bytes < 20 * SIZE
    assert counts.video_dropped == 100 - len(taken)


def test_audio_has_room_when_frames_have_none() -> None:
    queue = FrameQueue(SIZE)
    assert queue.put_nowait(VideoItem(0, VIDEO_FRAME))
    assert not queue.put_nowait(VideoItem(1, VIDEO_FRAME))
    assert queue.put_nowait(audio_item(0))
    assert queue.statistics().audio_dropped_samples == 0


def test_a_frame_that_is_larger_than_the_bound_goes_through_alone() -> None:
    queue = FrameQueue(SIZE - 1)
    for number in range(3):
        assert queue.put_nowait(VideoItem(number, VIDEO_FRAME))
        assert queue.get(0) is not None


def test_a_frame_counts_what_it_takes() -> None:
    large = av.VideoFrame(640, 480, "yuv444p16le")
    assert VideoItem(0, large).size_bytes >= 640 * 480 * 6


def test_audio_is_bounded_too() -> None:
    queue = FrameQueue(SIZE)
    count = AUDIO_LIMIT_BYTES // 4
    assert queue.put_nowait(audio_item(0, count))
    assert not queue.put_nowait(audio_item(count))
    assert queue.statistics().audio_dropped_samples == 960


def test_after_a_jam_every_frame_is_taken_again() -> None:
    queue = FrameQueue(10 * SIZE)
    for n in range(30):
        queue.put_nowait(VideoItem(n, VIDEO_FRAME))
    while queue.get(0):
        pass
    assert [queue.put_nowait(VideoItem(n, VIDEO_FRAME)) for n in range(4)] == [True] * 4


def test_what_was_put_back_comes_first() -> None:
    queue = FrameQueue(10 * SIZE)
    queue.put_nowait(audio_item(0))
    queue.put_nowait(audio_item(960))
    first = queue.get(0)
    assert first is not None
    queue.put_back(first)
    assert queue.get(0) is first


def test_closing_wakes_the_getter_and_lets_it_drain() -> None:
    queue = FrameQueue(10 * SIZE)
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(queue.get(60)))
    thread.start()
    queue.close()
    thread.join(10)
    assert got == [None]
    assert queue.drained
    assert not queue.put_nowait(audio_item(0)), "nothing is taken after the end"
