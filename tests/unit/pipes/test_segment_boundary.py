"""Where one file ends and the next begins: nothing twice, nothing left out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pipes.segment_boundary import SegmentBoundary
from orchestrator.pipes.timeline_items import AudioItem, Item, VideoItem


def test_the_cut_lies_behind_what_is_written() -> None:
    assert SegmentBoundary.after(48_000, 0).sample == 48_000
    cut = SegmentBoundary.after(0, 90_000)
    assert 48_000 < cut.sample <= 48_002
    assert cut.divide(VideoItem(90_000, None))[1] is None, "the last one written is before it"


def test_audio_across_it_is_divided() -> None:
    cut = SegmentBoundary(1000)
    samples = np.arange(1920, dtype=np.int16).reshape(960, 2)
    before, later = cut.divide(AudioItem(500, 960, samples))
    assert isinstance(before, AudioItem)
    assert isinstance(later, AudioItem)
    assert (before.pts, before.count, later.pts, later.count) == (500, 500, 1000, 460)
    assert before.samples is not None
    assert later.samples is not None
    assert np.array_equal(np.concatenate([before.samples, later.samples]), samples)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=60), st.integers(0, 40_000))
def test_every_sample_is_on_one_side(counts: list[int], sample: int) -> None:
    cut = SegmentBoundary(sample)
    sides: tuple[list[Item], list[Item]] = ([], [])
    pts = 0
    for count in counts:
        for side, part in zip(sides, cut.divide(AudioItem(pts, count, None)), strict=True):
            side.extend([] if part is None else [part])
        pts += count
    spans = [(i.pts, i.pts + i.count) for i in sides[0] + sides[1] if isinstance(i, AudioItem)]
    assert spans[0][0] == 0
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    assert spans[-1][1] == pts
    assert all(i.pts + i.count <= sample for i in sides[0] if isinstance(i, AudioItem))
    assert all(i.pts >= sample for i in sides[1])
