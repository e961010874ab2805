"""Audio of known samples: each measured figure against the truth, with its tolerance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.kit.mediafiles.measured import audio_of, only
from tests.kit.mediafiles.synthetic import RATE, AudioTrack, Film, nothing, tone


def test_gaps_and_overlaps_of_audio_to_the_sample(tmp_path: Path) -> None:
    audio_track = AudioTrack(
        [(0, tone(1)), (RATE + 4800, tone(1)), (2 * RATE + 4800 - 480, tone(0.5))]
    )
    path = Film(tmp_path / "a.nut", "nut", audio=audio_track).write()
    audio, audio_content = audio_of(path)
    assert only(audio_content.gaps) == pytest.approx((1, 0.1), abs=1e-6)
    assert only(audio_content.overlaps) == pytest.approx((2.09, 0.01), abs=1e-6)
    assert audio_content.samples == round(2.5 * RATE)
    assert audio_content.samples_expected == round(2.59 * RATE)
    assert audio.end_s == pytest.approx(2.59, abs=1e-6)


@pytest.mark.parametrize(("codec", "container"), [("pcm_s16le", "nut"), ("aac", "mp4")])
def test_silence(codec: str, container: str, tmp_path: Path) -> None:
    wave = np.concatenate([tone(0.8), nothing(1.2), tone(0.6), nothing(0.3), tone(0.5)])
    path = Film(tmp_path / "a", container, audio=AudioTrack([(0, wave)], codec)).write()
    _, audio = audio_of(path)
    at_s, lasts_s = only(audio.silence)
    # Blocks of 20 ms; a lossy codec smears a tone over one packet on either side.
    assert at_s == pytest.approx(0.8, abs=0.045)
    assert lasts_s == pytest.approx(1.2, abs=0.09)


def test_levels(tmp_path: Path) -> None:
    wave = tone(1)
    path = Film(tmp_path / "a.wav", "wav", audio=AudioTrack([(0, wave)])).write()
    _, audio = audio_of(path)
    assert audio.peak == pytest.approx(0.5, abs=1e-4)
    assert audio.rms == pytest.approx(0.5 / 2**0.5, abs=1e-4)
    assert (audio.full_scale_samples, audio.samples) == (0, RATE)


def test_clipping_is_counted(tmp_path: Path) -> None:
    wave = tone(1)
    wave[100:110] = 32_767
    wave[500:505] = -32_768
    path = Film(tmp_path / "a.wav", "wav", audio=AudioTrack([(0, wave)])).write()
    _, audio = audio_of(path)
    assert (audio.full_scale_samples, audio.peak) == (15, 1.0)


def test_digital_silence_has_level_zero(tmp_path: Path) -> None:
    path = Film(tmp_path / "a.wav", "wav", audio=AudioTrack([(0, nothing(1))])).write()
    _, audio = audio_of(path)
    assert (audio.peak, audio.rms) == (0.0, 0.0)
    assert only(audio.silence) == pytest.approx((0, 1))


def test_samples_that_nothing_here_reads_have_no_level(tmp_path: Path) -> None:
    path = Film(tmp_path / "a.wav", "wav", audio=AudioTrack([(0, tone(1))], "pcm_s64le")).write()
    audio, audio_content = audio_of(path)
    assert audio.header.sample_format == "s64"
    assert (audio_content.samples, audio_content.gaps.count) == (RATE, 0)
    assert (
        audio_content.peak,
        audio_content.rms,
        audio_content.silence,
        audio_content.full_scale_samples,
    ) == (None,) * 4


def test_a_gap_is_no_silence_that_was_recorded(tmp_path: Path) -> None:
    """0.6 s of silence, a gap of 0.5 s, 0.3 s of silence more."""
    first = np.concatenate([tone(0.5), nothing(0.6)])
    second = np.concatenate([nothing(0.3), tone(0.5)])
    pieces = [(0, first), (len(first) + RATE // 2, second)]
    _, audio = audio_of(Film(tmp_path / "a.nut", "nut", audio=AudioTrack(pieces)).write())
    assert only(audio.gaps) == pytest.approx((1.1, 0.5), abs=1e-6)
    assert only(audio.silence) == pytest.approx((0.5, 0.6), abs=0.021)
