"""Where a file's video is cut."""

from __future__ import annotations

from array import array
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.transcoding.chunks import plan as chunks
from orchestrator.transcoding.chunks.plan import Chunk, plan_chunks, window_before
from orchestrator.transcoding.frames import Frames, KeyFrame

CLOCK = Fraction(1, 90_000)
SECOND = 90_000


def frames(times: list[int], keys: list[KeyFrame]) -> Frames:
    return Frames(array("q", times), tuple(keys), "yuv420p", False, False, {}, 0.0)


def film(seconds: float, key_every_s: float = 2.0, start: int = 0) -> Frames:
    """At 30 frames a second."""
    times = [start + 3000 * n for n in range(round(seconds * 30))]
    keys = [KeyFrame(at, 640, 360) for at in times[:: round(key_every_s * 30)]]
    return frames(times, keys)


@pytest.fixture(autouse=True)
def usual_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "LONGEST_S", 60.0)
    monkeypatch.setattr(chunks, "SHORTEST_S", 5.0)


def planned(film: Frames, jobs: int = 2, *, mixed_sizes: bool = False) -> list[Chunk]:
    return plan_chunks(film, CLOCK, jobs, mixed_sizes=mixed_sizes)


def test_a_short_film_is_cut_so_that_all_cores_have_the_same_to_do() -> None:
    assert [chunk.frames for chunk in planned(film(30))] == [420, 480]
    assert [chunk.frames for chunk in planned(film(32), jobs=4)] == [240] * 4


def test_a_long_film_has_chunks_of_a_minute_at_most() -> None:
    made = planned(film(3600))
    assert len(made) == 60
    assert max(chunk.frames for chunk in made) <= 1860
    assert sum(chunk.frames for chunk in made) == 108_000


def test_a_very_short_film_is_one_chunk() -> None:
    (chunk,) = planned(film(4))
    assert (chunk.start, chunk.end, chunk.run_in) == (None, None, ())


def test_chunks_meet_at_keyframes_and_decode_from_the_one_before() -> None:
    made = planned(film(30, start=SECOND))
    assert made[0].start is None
    assert made[-1].end is None
    for before, after in pairwise(made):
        assert before.end == after.start
        assert after.start is not None
        assert (after.start - SECOND) % (2 * SECOND) == 0
        assert after.run_in[0] == after.start - 2 * SECOND


def test_a_film_without_further_keyframes_is_one_chunk() -> None:
    one_key = film(300, key_every_s=300)
    assert len(planned(one_key)) == 1
    untimed = replace(one_key, times=array("q"), keyframes=())
    untimed = replace(untimed, keyframes=(KeyFrame(0, 640, 360),))
    assert len(planned(untimed)) == 1


def test_another_frame_size_begins_another_chunk_where_a_file_may_have_several() -> None:
    times = [3000 * n for n in range(900)]
    keys = [KeyFrame(at, 320 if at < 900_000 else 640, 180) for at in times[::60]]
    made = planned(frames(times, keys), mixed_sizes=True)
    assert 900_000 in [chunk.start for chunk in made]
    assert {(c.width, c.height) for c in made if (c.end or 10**9) <= 900_000} == {(320, 180)}
    assert {(c.width, c.height) for c in made if (c.start or 0) >= 900_000} == {(640, 180)}
    fixed = planned(frames(times, keys), mixed_sizes=False)
    assert {(c.width, c.height) for c in fixed} == {(640, 180)}


def test_without_mixed_sizes_another_frame_size_is_no_reason_for_a_cut() -> None:
    times = [3000 * n for n in range(900)]
    keys = [KeyFrame(at, 320 if n % 2 else 640, 180) for n, at in enumerate(times[::30])]
    assert len(planned(frames(times, keys), mixed_sizes=False)) == 2
    assert len(planned(frames(times, keys), mixed_sizes=True)) == 30


def test_where_the_frame_size_changes_all_the_time_all_have_the_largest() -> None:
    times = [3000 * n for n in range(chunks.MOST_SIZES * 10 + 20)]
    keys = [KeyFrame(at, 320 if n % 2 else 640, 180) for n, at in enumerate(times[::10])]
    made = planned(frames(times, keys), mixed_sizes=True)
    assert len(made) < 10
    assert {(c.width, c.height) for c in made} == {(640, 180)}


def test_odd_sizes_get_a_line_more() -> None:
    odd = frames([0, 3000], [KeyFrame(0, 319, 181)])
    assert (planned(odd)[0].width, planned(odd)[0].height) == (320, 182)


def test_the_frames_before_a_cut_are_compared() -> None:
    times = list(range(0, 100, 10))
    assert window_before(times, 50) == (0, 50)
    assert window_before(times, 90) == (10, 90)
    assert window_before(times, None) is None


@given(
    steps=st.lists(st.integers(1, 200_000), min_size=1, max_size=400),
    every=st.integers(1, 90),
    jobs=st.integers(1, 16),
)
def test_each_frame_is_in_one_chunk(steps: list[int], every: int, jobs: int) -> None:
    times = [0]
    for step in steps:
        times.append(times[-1] + step)
    keys = [KeyFrame(at, 64, 64) for at in times[::every]]
    made = planned(frames(times, keys), jobs)
    assert sum(chunk.frames for chunk in made) == len(times)
    assert all(chunk.frames > 0 for chunk in made)
    assert [chunk.number for chunk in made] == list(range(len(made)))
    assert all(before.end == after.start for before, after in pairwise(made))
