"""A mix that would clip is turned down, and nothing but its level changes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from orchestrator.media import AUDIO_RATE, SECOND_NS
from orchestrator.pipes.limiter import AHEAD, CEILING, FULL_SCALE, HOP, Limiter, Sum
from orchestrator.pipes.timeline import Timeline
from orchestrator.pipes.timeline_items import AudioItem, Samples

FRAME = 960
MINUS_3_DB = 10 ** (-3 / 20) * FULL_SCALE


def sine(hertz: float, count: int, peak: float = MINUS_3_DB) -> NDArray[np.int32]:
    wave = np.rint(peak * np.sin(2 * np.pi * hertz * np.arange(count) / AUDIO_RATE))
    return np.repeat(wave[:, np.newaxis], 2, axis=1).astype(np.int32)


def joined(items: list[AudioItem]) -> Samples:
    """All samples given out; fails when one is missing or doubled."""
    for before, after in pairwise(items):
        assert after.pts == before.pts + before.count
    silence = [np.zeros((item.count, 2), np.int16) for item in items]
    parts = [s if i.samples is None else i.samples for i, s in zip(items, silence, strict=True)]
    return np.concatenate(parts)


def limited(mix: NDArray[np.int32], piece: int = 4800) -> Samples:
    limiter, items = Limiter(), list[AudioItem]()
    for start in range(0, len(mix), piece):
        part = mix[start : start + piece]
        items += limiter.push(Sum(len(part), part))
    return joined([*items, *limiter.flush()])


def foreign_db(samples: Samples, tones: tuple[float, ...]) -> float:
    """The strongest tone that none of the given ones is, against the strongest of those."""
    spectrum = np.abs(np.fft.rfft(samples[:, 0] * np.blackman(len(samples))))
    hertz = np.fft.rfftfreq(len(samples), 1 / AUDIO_RATE)
    own = np.any([np.abs(hertz - tone) < 6 for tone in tones], axis=0)
    return float(20 * np.log10(spectrum[~own].max() / spectrum[own].max()))


@pytest.mark.parametrize(
    "tones",
    [(440.0, 554.37, 659.25, 880.0), (440.0, 441.3, 1003.0, 1700.0), (97.0, 211, 440, 3001)],
)
def test_four_loud_speakers_do_not_clip(tones: tuple[float, ...]) -> None:
    """Clipped they have foreign tones of -18 dB. No test had two speakers that are loud at once."""
    timeline, items, seconds = Timeline(), [], 5
    timeline.expect(audio=frozenset("0123"), video=False)
    waves = [sine(tone, seconds * AUDIO_RATE).astype(np.int16) for tone in tones]
    for at in range(0, seconds * AUDIO_RATE, FRAME):
        for n, wave in enumerate(waves):
            time_ns = at * SECOND_NS // AUDIO_RATE
            items += timeline.push_audio(str(n), time_ns, wave[at : at + FRAME])
    items += timeline.finish()
    heard = joined([item for item in items if isinstance(item, AudioItem)])
    assert len(heard) == seconds * AUDIO_RATE
    assert np.abs(heard.astype(int)).max() < FULL_SCALE
    assert foreign_db(heard, tones) < -40
    levels = [np.abs(heard[AUDIO_RATE:, 0] @ np.exp(2j * np.pi * t * _clock(heard))) for t in tones]
    assert max(levels) / min(levels) < 1.06, "all four as loud as each other"


def _clock(heard: Samples) -> NDArray[np.float64]:
    return np.arange(len(heard) - AUDIO_RATE) / AUDIO_RATE


@pytest.mark.parametrize("peak", [1, 20_000, FULL_SCALE])
def test_a_lone_speaker_is_not_touched(peak: int) -> None:
    mix = sine(440, AUDIO_RATE, peak)
    assert (limited(mix) == mix).all()


def test_a_speaker_at_full_scale_beside_noise_keeps_his_level() -> None:
    mix = sine(440, AUDIO_RATE, FULL_SCALE) + sine(3001, AUDIO_RATE, 30)
    heard = limited(mix)
    assert 20 * np.log10(np.abs(mix).max() / np.abs(heard).max()) < 0.5
    gains = heard[100:, 0] / np.where(np.abs(mix[100:, 0]) < 5000, np.nan, mix[100:, 0])
    assert 20 * np.log10(np.nanmin(gains)) > -0.5


def test_a_burst_is_turned_down_before_it_comes_and_the_rest_comes_back_slowly() -> None:
    mix = np.full((3 * AUDIO_RATE, 2), 10_000, np.int32)
    mix[AUDIO_RATE : AUDIO_RATE + 480] = 80_000
    gain = limited(mix)[:, 0] / mix[:, 0]
    assert (gain[: AUDIO_RATE - (AHEAD + 1) * HOP] == 1).all()
    assert gain[AUDIO_RATE] * 80_000 == pytest.approx(CEILING, abs=2)
    assert np.abs(np.diff(gain)).max() < 1.1 / (AHEAD * HOP), "it never jumps"
    assert gain[AUDIO_RATE + AUDIO_RATE // 5] == pytest.approx(gain[AUDIO_RATE], abs=1e-3)
    assert (gain[AUDIO_RATE * 5 // 2 :] == 1).all()


def test_long_silence_is_passed_on_as_it_is() -> None:
    limiter = Limiter(7)
    items = limiter.push(Sum(100, np.full((100, 2), 60_000, np.int32)))
    items += limiter.push(Sum(3600 * AUDIO_RATE, None))
    mixed, silence = items
    assert (mixed.pts, mixed.count, silence.pts, silence.count) == (7, 100, 107, 3600 * AUDIO_RATE)
    assert mixed.samples is not None
    assert mixed.samples.max() <= CEILING + 1
    assert silence.samples is None
    (after,) = [*limiter.push(Sum(10, np.ones((10, 2), np.int32))), *limiter.flush()]
    assert after.samples is not None
    assert (after.samples == 1).all()


pieces = st.tuples(
    st.integers(1, 3000), st.sampled_from([None, 0, 5, 32_767, -32_768, 32_768, -70_000, 131_068])
)


@given(st.lists(pieces, min_size=1, max_size=20), st.integers(1, 5000))
@settings(max_examples=100)
def test_whatever_comes_nothing_clips_and_the_pieces_do_not_matter(
    levels: list[tuple[int, int | None]], piece: int
) -> None:
    limiter, items = Limiter(), list[AudioItem]()
    for count, level in levels:
        mix = None if level is None else np.full((count, 2), level, np.int32)
        items += limiter.push(Sum(count, mix))
        assert sum(n for n, _ in levels) - limiter.position >= 0
    items += limiter.flush()
    whole = np.concatenate([np.full((count, 2), level or 0, np.int32) for count, level in levels])
    heard = joined(items)
    assert len(heard) == len(whole)
    assert (heard * np.sign(whole) >= 0).all(), "each sample in its place"
    assert (np.abs(heard.astype(int)) <= np.abs(whole)).all()
    beyond = (whole > FULL_SCALE) | (whole < -FULL_SCALE - 1)
    assert (np.abs(heard[beyond].astype(int)) <= CEILING + 1).all()
    assert (limited(whole, piece) == heard).all()
    silent = sum(item.count for item in items if item.samples is None)
    assert silent == sum(count for count, level in levels if level is None)
