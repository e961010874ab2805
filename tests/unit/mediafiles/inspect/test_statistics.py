"""The accumulators against the plain computation over everything that was put in."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mediafiles.inspect.statistics import (
    LONGEST,
    Condition,
    Continuity,
    Histogram,
    Intervals,
    Longest,
    Passages,
    Reorder,
)

MS = 1_000_000
NEAR = 1 / 1024
"""How far a histogram's values may be off."""

values = st.lists(st.integers(0, 2**50), min_size=1, max_size=200)
parts = st.floats(0.01, 1.0)


def filled(numbers: list[int]) -> Histogram:
    histogram = Histogram()
    for number in numbers:
        histogram.add(number)
    return histogram


def ranked(numbers: list[float], part: float) -> float:
    return sorted(numbers)[math.ceil(part * len(numbers)) - 1]


@given(values, parts)
def test_quantiles(numbers: list[int], part: float) -> None:
    histogram = filled(numbers)
    exact = ranked([float(n) for n in numbers], part)
    assert histogram.quantile(part) == pytest.approx(exact, rel=NEAR)
    assert (histogram.count, histogram.total) == (len(numbers), sum(numbers))
    assert histogram.maximum == max(numbers)


@given(st.integers(0, 2**63 - 1), st.integers(1, 50), parts)
def test_a_steady_value_is_reported_exactly(number: int, times: int, part: float) -> None:
    histogram = filled([number] * times)
    assert histogram.quantile(part) == float(number)
    assert histogram.deviation(part) == 0


@given(values, parts)
def test_deviation_from_the_median(numbers: list[int], part: float) -> None:
    median = ranked([float(n) for n in numbers], 0.5)
    exact = ranked([abs(n - median) for n in numbers], part)
    off = 2 * NEAR * max(numbers)
    assert filled(numbers).deviation(part) == pytest.approx(exact, abs=off + 1)


@given(values, st.integers(0, 2**50))
def test_what_is_beyond_a_threshold(numbers: list[int], threshold: int) -> None:
    count, total = filled(numbers).above(threshold)
    surely = [n for n in numbers if n > threshold * (1 + NEAR)]
    perhaps = [n for n in numbers if n > threshold * (1 - NEAR)]
    assert len(surely) <= count <= len(perhaps)
    assert sum(surely) <= total <= sum(perhaps)


def test_nothing_is_known_of_nothing() -> None:
    histogram = Histogram()
    assert (histogram.quantile(0.5), histogram.deviation(0.95)) == (None, None)
    assert (histogram.maximum, histogram.above(0)) == (None, (0, 0))


def test_a_histogram_is_bounded() -> None:
    histogram = Histogram()
    for power in range(63):
        for step in range(3000):
            histogram.add((2**power + step * 2**power // 3000) & (2**63 - 1))
    assert histogram.count == 63 * 3000
    assert histogram.bins <= 55_296


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 20)), max_size=50))
def test_the_longest(passages: list[tuple[int, int]]) -> None:
    longest = Longest()
    for at, lasts in passages:
        longest.add(at, lasts)
    assert longest.all() == sorted(passages, key=lambda one: (-one[1], one[0]))[:LONGEST]


@given(st.lists(st.integers(-5, 20), max_size=50), st.integers(1, 10))
def test_passages(lengths: list[int], minimum: int) -> None:
    passages = Passages(minimum)
    for at, lasts in enumerate(lengths):
        passages.add(at, lasts)
    kept = [lasts for lasts in lengths if lasts >= minimum]
    assert (passages.count, passages.total_ns) == (len(kept), sum(kept))


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 4))
def test_a_condition_holds_from_one_moment_to_another(told: list[bool], minimum: int) -> None:
    condition = Condition(minimum)
    for moment, holds in enumerate([*told, False]):
        condition.update(moment, holds)
    runs = "".join("x" if holds else " " for holds in told).split()
    kept = [len(run) for run in runs if len(run) >= minimum]
    assert (condition.passages.count, condition.passages.total_ns) == (len(kept), sum(kept))


moments = st.lists(st.one_of(st.none(), st.integers(-(10**12), 10**12)), max_size=100)


@given(moments)
def test_intervals(told: list[int | None]) -> None:
    intervals = Intervals()
    for moment in told:
        intervals.add(moment, 7)
    known = [moment for moment in told if moment is not None]
    steps = [later - earlier for earlier, later in pairwise(known)]
    forward = [step for step in steps if step > 0]
    back = [-step for step in steps if step < 0]
    assert (intervals.count, intervals.missing) == (len(told), told.count(None))
    assert intervals.duplicates == steps.count(0)
    assert (intervals.backward.count, intervals.backward.total_ns) == (len(back), sum(back))
    assert intervals.mean_ns == (sum(forward) / len(forward) if forward else None)
    assert intervals.first_ns == (known[0] if known else None)
    assert intervals.end_ns == (max(known) + 7 if known else None)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=100))
def test_gaps(steps_ms: list[int]) -> None:
    intervals, moment = Intervals(), 0
    begins = {0: 0}
    for number, step in enumerate([0, *steps_ms]):
        moment += step * MS
        begins[number + 1] = moment
        intervals.add(moment)
    median_ms = ranked([float(step) for step in steps_ms], 0.5)
    threshold_ms = intervals.gap_threshold_ns or 0
    assert threshold_ms == pytest.approx(max(3 * median_ms, 250) * MS, rel=NEAR)
    gaps = [step * MS for step in steps_ms if step * MS > threshold_ms]
    count, total, longest = intervals.gaps()
    # An interval within 0.1 % of the threshold may fall on either side.
    edge = [step for step in steps_ms if abs(step * MS - threshold_ms) <= 2 * NEAR * threshold_ms]
    assert abs(count - len(gaps)) <= len(edge)
    if not edge:
        assert total == sum(gaps)
        assert [lasts for _, lasts in longest] == sorted(gaps, reverse=True)[:LONGEST]
    assert all(at in begins.values() for at, _ in longest)


def test_a_last_frame_of_unknown_length_lasts_as_long_as_most() -> None:
    intervals = Intervals()
    for moment in (0, 33, 66, 99):
        intervals.add(moment)
    assert intervals.end_ns == 132


def test_only_the_latest_frames_length_counts() -> None:
    intervals = Intervals()
    intervals.add(0, 1000)
    intervals.add(33, 33)
    assert intervals.end_ns == 66


def test_one_frame_has_no_rate() -> None:
    intervals = Intervals()
    intervals.add(5, 40)
    assert (intervals.mean_ns, intervals.gap_threshold_ns) == (None, None)
    assert (intervals.gaps(), intervals.end_ns) == ((0, 0, []), 45)


pieces = st.lists(
    st.tuples(st.integers(-50, 50), st.integers(1, 2000)),  # a shift in ms, and samples
    min_size=1,
    max_size=60,
)


@given(pieces, st.sampled_from([8000, 44_100, 48_000]))
def test_continuity(told: list[tuple[int, int]], rate: int) -> None:
    tolerance = 2 * MS
    continuity = Continuity(tolerance)
    end, gaps, overlaps, ends, lengths = 0, [], [], [], []
    for number, (shift_ms, samples) in enumerate(told):
        start = end + shift_ms * MS
        if number and shift_ms * MS > tolerance:
            gaps.append(shift_ms * MS)
        if number and -shift_ms * MS > tolerance:
            overlaps.append(-shift_ms * MS)
        assert continuity.add(start, samples, rate) == start
        lengths.append(round(samples * 10**9 / rate))
        end = start + lengths[-1]
        ends.append(end)
    assert (continuity.gaps.count, continuity.gaps.total_ns) == (len(gaps), sum(gaps))
    assert (continuity.overlaps.count, continuity.overlaps.total_ns) == (
        len(overlaps),
        sum(overlaps),
    )
    assert continuity.samples == sum(samples for _, samples in told)
    assert continuity.lasts_ns == sum(lengths)
    assert (continuity.first_ns, continuity.latest_ns) == (told[0][0] * MS, max(ends))


def test_audio_without_times_follows_what_came_before() -> None:
    continuity = Continuity(0)
    assert continuity.add(500, 48, 48_000) == 500
    assert continuity.add(None, 48, 48_000) == 500 + MS
    assert (continuity.missing, continuity.gaps.count) == (1, 0)


@given(st.lists(st.integers(0, 10**6), max_size=200), st.randoms(use_true_random=False))
def test_reordering_gives_the_order_of_time(numbers: list[int], random: object) -> None:
    ordered = sorted(numbers)
    # Each sixteen of them mixed: none is further from its place than a decoder may hold it.
    mixed: list[int] = []
    for at in range(0, len(ordered), 16):
        some = ordered[at : at + 16]
        random.shuffle(some)  # type: ignore[attr-defined]
        mixed += some
    reorder, given_back = Reorder(), []
    for number in mixed:
        given_back += reorder.push(number, 1)
    given_back += reorder.rest()
    assert given_back == [(number, 1) for number in ordered]
