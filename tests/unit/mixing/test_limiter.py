"""A sum that would clip is turned down, and nothing but its level changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.mixing.limiter import (
    AHEAD,
    CEILING,
    FULL_SCALE,
    HOLD,
    HOP,
    LATENCY,
    MEMORY,
    RISE,
    Limited,
    Limiter,
    Sums,
)
from tests.kit.signals.sines import CHORDS, RATE, chord, foreign_db, sine


def limited(sums: Sums, piece: int = 4800) -> Limited:
    limiter = Limiter()
    made = [limiter.push(sums[at : at + piece]) for at in range(0, len(sums), piece)]
    return np.concatenate([*made, limiter.flush()])


@pytest.mark.parametrize(("tones", "beside_db"), CHORDS)
def test_four_loud_sines_do_not_clip(tones: tuple[float, ...], beside_db: float) -> None:
    sums = chord(tones, 5 * RATE)
    made = limited(sums)
    assert np.abs(made.astype(int)).max() < FULL_SCALE
    assert foreign_db(made[RATE:, 0], tones) < beside_db
    clipped = np.clip(sums, -FULL_SCALE - 1, FULL_SCALE).astype(np.int16)
    assert foreign_db(clipped[RATE:, 0], tones) > -30, "this sees it"


@pytest.mark.parametrize("peak", [1, 20_000, FULL_SCALE])
def test_a_lone_speaker_is_not_touched(peak: int) -> None:
    sums = sine(440, RATE, peak)
    assert (limited(sums) == sums).all()


def test_both_ends_of_16_bits_are_not_touched() -> None:
    sums = np.tile(np.array([[-32_768, 32_767]], np.int32), (RATE, 1))
    assert (limited(sums) == sums).all()


def test_a_speaker_at_full_scale_beside_noise_keeps_his_level() -> None:
    sums = sine(440, RATE, FULL_SCALE) + sine(3001, RATE, 30)
    made = limited(sums)
    assert 20 * np.log10(np.abs(sums).max() / np.abs(made).max()) < 0.5
    gains = made[100:, 0] / np.where(np.abs(sums[100:, 0]) < 5000, np.nan, sums[100:, 0])
    assert 20 * np.log10(np.nanmin(gains)) > -0.5


def test_a_burst_is_turned_down_before_it_comes_and_the_rest_comes_back() -> None:
    sums = np.full((3 * RATE, 2), 10_000, np.int32)
    sums[RATE : RATE + 480] = 80_000
    gain = limited(sums)[:, 0] / sums[:, 0]
    assert (gain[: RATE - LATENCY] == 1).all()
    assert gain[RATE] * 80_000 == pytest.approx(CEILING, abs=2)
    assert np.abs(np.diff(gain)).max() < 1.1 / (AHEAD * HOP), "it never jumps"
    held = RATE + 480 + HOLD * HOP
    assert gain[held] == pytest.approx(gain[RATE], abs=1e-3)
    assert gain[held + RISE * HOP // 2] == pytest.approx(gain[RATE] + 1 / 8, abs=0.02), "slowly"
    assert (gain[RATE + 480 + MEMORY + HOP :] == 1).all()


def test_who_comes_later_turns_down_the_other_from_then_on_only() -> None:
    alone, late = sine(440, 2 * RATE, 30_000), sine(620, RATE, 30_000)
    sums = alone.copy()
    sums[RATE:] += late
    made = limited(sums)
    assert (made[: RATE - LATENCY] == alone[: RATE - LATENCY]).all()
    assert np.abs(made.astype(int)).max() <= CEILING + 1


def test_both_sides_are_turned_down_alike() -> None:
    """Who speaks on the left does not move when the right is loud."""
    sums = np.stack([np.full(RATE, 10_000), sine(440, RATE, 60_000)[:, 0]], axis=1)
    made = limited(sums.astype(np.int32))
    loud = np.abs(sums[:, 1]) > 20_000
    left, right = made[loud, 0] / 10_000, made[loud, 1] / sums[loud, 1]
    assert np.abs(left - right).max() < 1e-3


def test_a_click_stays_at_its_sample() -> None:
    sums = np.zeros((RATE, 2), np.int32)
    sums[12_345] = 100_000
    made = limited(sums, 960)
    assert len(made) == RATE
    assert np.flatnonzero(made[:, 0]).tolist() == [12_345]


def test_silence_stays_silence() -> None:
    assert not limited(np.zeros((RATE, 2), np.int32), 77).any()
    assert len(limited(np.zeros((0, 2), np.int32))) == 0


def test_no_more_is_held_than_is_said() -> None:
    limiter, taken, given_out = Limiter(), 0, 0
    for count in (1, 31, 960, 4800, 7):
        taken += count
        given_out += len(limiter.push(np.zeros((count, 2), np.int32)))
        assert 0 <= taken - given_out < LATENCY


@pytest.mark.parametrize("from_hop", [800, 1501, 3000])
def test_a_gain_depends_on_its_memory_alone(from_hop: int) -> None:
    """Whoever begins `MEMORY` earlier, on the same grid, makes the same samples."""
    beats = np.random.default_rng(1).uniform(0.2, 1.5, 40).repeat(RATE // 10)
    sums = (sine(97, 4 * RATE, 60_000) * beats[: 4 * RATE, np.newaxis]).astype(np.int32)
    begin, end = from_hop * HOP, from_hop * HOP + RATE
    part = limited(sums[begin - MEMORY : end + LATENCY])[MEMORY : MEMORY + RATE]
    assert (part == limited(sums)[begin:end]).all()


levels = st.sampled_from([0, 5, 32_767, -32_768, 32_768, -70_000, 131_068, 20 * 32_767])


@given(st.lists(st.tuples(st.integers(1, 3000), levels), min_size=1, max_size=20), st.data())
@settings(max_examples=100)
def test_whatever_comes_nothing_clips_and_the_pieces_do_not_matter(
    runs: list[tuple[int, int]], data: st.DataObject
) -> None:
    sums = np.concatenate([np.full((count, 2), level, np.int32) for count, level in runs])
    made = limited(sums, data.draw(st.integers(1, 5000)))
    assert len(made) == len(sums)
    assert (made * np.sign(sums) >= 0).all(), "each sample in its place"
    assert (np.abs(made.astype(int)) <= np.abs(sums)).all()
    beyond = (sums > FULL_SCALE) | (sums < -FULL_SCALE - 1)
    assert (np.abs(made[beyond].astype(int)) <= CEILING + 1).all()
    assert (made == limited(sums, len(sums))).all()
