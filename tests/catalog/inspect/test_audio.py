"""Sound of known samples: each measured figure against the truth, with its tolerance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.catalog.inspect.films import RATE, Film, Sounds, nothing, tone
from tests.catalog.inspect.measured import audio_of, only


def test_gaps_and_overlaps_of_sound_to_the_sample(tmp_path: Path) -> None:
    sounds = Sounds([(0, tone(1)), (RATE + 4800, tone(1)), (2 * RATE + 4800 - 480, tone(0.5))])
    path = Film(tmp_path / "a.nut", "nut", sounds=sounds).write()
    audio, sound = audio_of(path)
    assert only(sound.gaps) == pytest.approx((1, 0.1), abs=1e-6)
    assert only(sound.overlaps) == pytest.approx((2.09, 0.01), abs=1e-6)
    assert sound.samples == round(2.5 * RATE)
    assert sound.samples_expected == round(2.59 * RATE)
    assert audio.end_s == pytest.approx(2.59, abs=1e-6)


@pytest.mark.parametrize(("codec", "container"), [("pcm_s16le", "nut"), ("aac", "mp4")])
def test_silence(codec: str, container: str, tmp_path: Path) -> None:
    wave = np.concatenate([tone(0.8), nothing(1.2), tone(0.6), nothing(0.3), tone(0.5)])
    path = Film(tmp_path / "a", container, sounds=Sounds([(0, wave)], codec)).write()
    _, sound = audio_of(path)
    at_s, lasts_s = only(sound.silence)
    # Blocks of 20 ms; a lossy codec smears a tone over one packet on either side.
    assert at_s == pytest.approx(0.8, abs=0.045)
    assert lasts_s == pytest.approx(1.2, abs=0.09)


def test_levels(tmp_path: Path) -> None:
    wave = tone(1)
    path = Film(tmp_path / "a.wav", "wav", sounds=Sounds([(0, wave)])).write()
    _, sound = audio_of(path)
    assert sound.peak == pytest.approx(0.5, abs=1e-4)
    assert sound.rms == pytest.approx(0.5 / 2**0.5, abs=1e-4)
    assert (sound.full_scale_samples, sound.samples) == (0, RATE)


def test_clipping_is_counted(tmp_path: Path) -> None:
    wave = tone(1)
    wave[100:110] = 32_767
    wave[500:505] = -32_768
    path = Film(tmp_path / "a.wav", "wav", sounds=Sounds([(0, wave)])).write()
    _, sound = audio_of(path)
    assert (sound.full_scale_samples, sound.peak) == (15, 1.0)


def test_digital_silence_has_level_zero(tmp_path: Path) -> None:
    path = Film(tmp_path / "a.wav", "wav", sounds=Sounds([(0, nothing(1))])).write()
    _, sound = audio_of(path)
    assert (sound.peak, sound.rms) == (0.0, 0.0)
    assert only(sound.silence) == pytest.approx((0, 1))


def test_samples_that_nothing_here_reads_have_no_level(tmp_path: Path) -> None:
    path = Film(tmp_path / "a.wav", "wav", sounds=Sounds([(0, tone(1))], "pcm_s64le")).write()
    audio, sound = audio_of(path)
    assert audio.header.sample_format == "s64"
    assert (sound.samples, sound.gaps.count) == (RATE, 0)
    assert (sound.peak, sound.rms, sound.silence, sound.full_scale_samples) == (None,) * 4


def test_a_hole_is_no_silence_that_was_recorded(tmp_path: Path) -> None:
    """0.6 s of silence, a hole of 0.5 s, 0.3 s of silence more."""
    first = np.concatenate([tone(0.5), nothing(0.6)])
    second = np.concatenate([nothing(0.3), tone(0.5)])
    pieces = [(0, first), (len(first) + RATE // 2, second)]
    _, sound = audio_of(Film(tmp_path / "a.nut", "nut", sounds=Sounds(pieces)).write())
    assert only(sound.gaps) == pytest.approx((1.1, 0.5), abs=1e-6)
    assert only(sound.silence) == pytest.approx((0.5, 0.6), abs=0.021)
