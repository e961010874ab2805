"""What is kept of a segment until something of it can be in its file."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import av

from orchestrator.pipes.timeline_items import AudioItem, Item, VideoItem
from orchestrator.pipes.unwritten import MOST_ITEMS, Unwritten

FRAME = av.VideoFrame(64, 64, "yuv420p")
BYTES = 64 * 64 * 3 // 2


def frames(count: int) -> list[VideoItem]:
    return [VideoItem(n * 3000, FRAME) for n in range(count)]


def test_everything_is_kept_in_order_until_a_second_of_audio_is_written() -> None:
    kept = Unwritten(Fraction(10), 2**20)
    items: list[Item] = [AudioItem(480_000, 47_000, None), *frames(20)]
    for item in items:
        kept.add(item)
    assert kept
    assert [(type(item), item.pts) for item in kept.take()] == [(type(i), i.pts) for i in items]
    assert not kept
    kept = Unwritten(Fraction(10), 2**20)
    for item in [*items, AudioItem(527_000, 1_000, None), *frames(3)]:
        kept.add(item)
    assert kept.take() == []


def test_a_frame_is_kept_as_it_is_in_memory_of_its_own() -> None:
    kept, frame = Unwritten(Fraction(0), 2**20), av.VideoFrame(64, 64, "yuv420p")
    for number, plane in enumerate(frame.planes):
        plane.update(bytes([50 + number]) * plane.buffer_size)
    frame.colorspace, frame.color_range, frame.color_primaries = 1, 2, 1
    odd = av.VideoFrame(63, 47, "yuv420p")
    for pts, each in enumerate((frame, frame, odd)):
        kept.add(VideoItem(pts, each))
    first, held, third = (item.frame for item in kept.take() if isinstance(item, VideoItem))
    assert first is not None
    assert first is held, "copied once"
    assert first is not frame
    assert (first.to_ndarray() == frame.to_ndarray()).all()
    assert (first.colorspace, first.color_range, first.color_primaries) == (1, 2, 1)
    assert third is odd


def test_beyond_its_bound_it_is_thinned_evenly() -> None:
    kept = Unwritten(Fraction(0), 40 * BYTES)
    audio = AudioItem(0, 1200, None)
    kept.add(audio)
    for item in frames(180):
        kept.add(item)
    left_out = kept.left_out
    first, *others = kept.take()
    assert first is audio
    assert 20 <= len(others) <= 40
    assert {b.pts - a.pts for a, b in pairwise(others)} == {8 * 3000}
    assert others[0].pts == 0
    assert left_out == 180 - len(others)


def test_black_frames_have_a_bound_too() -> None:
    kept = Unwritten(Fraction(0), 2**20)
    for n in range(3 * MOST_ITEMS):
        kept.add(VideoItem(n * 90_000, None, filler=True))
    assert len(kept.take()) <= MOST_ITEMS
