"""Bounded, in order, thinned evenly; what is dropped is counted."""

from __future__ import annotations

import threading

import av
import numpy as np
import pytest

from orchestrator.pipes.items import AudioItem, VideoItem
from orchestrator.pipes.queue import AUDIO_LIMIT_BYTES, FrameQueue, keep_one_in

PICTURE = av.VideoFrame(640, 480, "yuv420p")
SIZE = 640 * 480 * 3 // 2


def sound(pts: int, count: int = 960) -> AudioItem:
    return AudioItem(pts, count, np.zeros((count, 2), np.int16))


@pytest.mark.parametrize(
    ("used", "every"), [(0, 1), (49, 1), (50, 2), (74, 2), (75, 4), (99, 4), (100, 0), (200, 0)]
)
def test_thinning(used: int, every: int) -> None:
    assert keep_one_in(used, 100) == every


def test_pictures_are_thinned_evenly_and_never_beyond_the_bound() -> None:
    queue = FrameQueue(20 * SIZE)
    taken = [n for n in range(100) if queue.put_nowait(VideoItem(n, PICTURE))]
    steps = np.diff(taken)
    assert set(steps[:8]) == {1}
    assert 2 in steps
    assert 4 in steps
    assert list(steps) == sorted(steps)
    counts = queue.statistics()
    assert counts.waiting_bytes < 20 * SIZE
    assert counts.video_dropped == 100 - len(taken)


def test_sound_has_room_when_pictures_have_none() -> None:
    queue = FrameQueue(SIZE)
    assert not queue.put_nowait(VideoItem(0, PICTURE))
    assert queue.put_nowait(sound(0))
    assert queue.statistics().audio_dropped_samples == 0


def test_sound_is_bounded_too() -> None:
    queue = FrameQueue(SIZE)
    count = AUDIO_LIMIT_BYTES // 4
    assert queue.put_nowait(sound(0, count))
    assert not queue.put_nowait(sound(count))
    assert queue.statistics().audio_dropped_samples == 960


def test_after_a_jam_every_picture_is_taken_again() -> None:
    queue = FrameQueue(10 * SIZE)
    for n in range(30):
        queue.put_nowait(VideoItem(n, PICTURE))
    while queue.get(0):
        pass
    assert [queue.put_nowait(VideoItem(n, PICTURE)) for n in range(4)] == [True] * 4


def test_what_was_put_back_comes_first() -> None:
    queue = FrameQueue(10 * SIZE)
    queue.put_nowait(sound(0))
    queue.put_nowait(sound(960))
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
    assert not queue.put_nowait(sound(0)), "nothing is taken after the end"
