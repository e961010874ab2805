"""What a segment shares with the one before: the same audio, in one piece, and never much of it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pipes.segment_audio_overlap import OVERLAP, PACKET_GRID, RecentAudio, begin_before
from orchestrator.pipes.timeline_items import AudioItem


def audio_item(pts: int, count: int) -> AudioItem:
    """Samples that say where they are."""
    at = np.arange(pts, pts + count) % 30_000
    return AudioItem(pts, count, np.repeat(at.astype(np.int16), 2).reshape(-1, 2))


@given(st.integers(0, 86_400 * 48_000), st.integers(0, 86_400 * 48_000))
def test_a_segment_begins_on_the_grid_and_shares_enough(first: int, after: int) -> None:
    sample = first + after
    begin = begin_before(sample, first)
    assert (begin - first) % PACKET_GRID == 0
    assert OVERLAP <= sample - begin < OVERLAP + PACKET_GRID or begin == first


@given(st.integers(0, 10**6), st.lists(st.integers(1, 30_000), min_size=1, max_size=60))
def test_the_shared_audio_is_what_was_written_last(first: int, counts: list[int]) -> None:
    recent, at = RecentAudio(), first
    for count in counts:
        recent.add(audio_item(at, count))
        at += count
    shared = recent.before(at)
    assert shared[0].pts == begin_before(at, first)
    for item in shared:
        assert item.samples is not None
        assert (item.samples == audio_item(item.pts, item.count).samples).all()
    ends = [item.pts + item.count for item in shared]
    assert [item.pts for item in shared[1:]] == ends[:-1]
    assert ends[-1] == at
    # No more than is needed is kept, but for the rest of the oldest.
    assert sum(item.count for item in recent._items) < OVERLAP + PACKET_GRID + max(counts)


def test_silence_is_shared_as_silence() -> None:
    recent = RecentAudio()
    recent.add(AudioItem(0, 100_000, None))
    assert recent.before(100_000) == [AudioItem(92_160, 7_840, None)]


def test_audio_that_does_not_go_on_is_not_shared() -> None:
    recent = RecentAudio()
    for n in range(40):
        recent.add(audio_item(n * 960, 960))
    assert recent.before(38_400)
    assert recent.before(38_401) == [], "some of it was left out"
    recent.add(audio_item(50_000, 960))
    assert [item.pts for item in recent.before(50_960)] == [50_000], "it begins anew"
