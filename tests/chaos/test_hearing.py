"""What is heard: the gaps of each tone, and beeps beside the frames."""

from __future__ import annotations

import numpy as np
import pytest

from tests.chaos.hearing import beeps, on_the_clock, out_of_step, silences
from tests.chaos.schedule import SPARED, Kind, Track
from tests.chaos.verdict import Gap, Struck
from tests.kit.signals.codes import beep
from tests.kit.signals.reading import Reading
from tests.kit.signals.tones import RATE, samples, spans

FPS = 10
TONE = 1760
STALLED = Struck(Kind.MICROPHONE_STALLED, "room", 20.0, 22.0, 0.3)


def seen(first: int, last: int, ahead_s: float = 0.0) -> list[tuple[float, int]]:
    """Frames of a file that began at the publisher's second 10, held once each."""
    shown = [(code / FPS - 10 + ahead_s, code) for code in range(first, last)]
    return [*shown, (shown[-1][0] + 1, last - 1)]


def test_a_tone_is_heard_from_when_to_when() -> None:
    audio = beep(0, 4 * RATE, RATE) + samples(440, 0, 4 * RATE)
    audio[RATE : 3 * RATE] += samples(TONE, RATE, 2 * RATE)
    assert spans((audio / 2**15).astype(np.float32), TONE) == [(1.0, 3.0)]
    assert spans((audio / 2**15).astype(np.float32), 440, 0.5) == [(0.5, 4.5)]


def test_beeps_are_no_tone() -> None:
    audio = beep(1000, 9 * RATE // 2, RATE)  # they begin in the middle of what is looked at
    audio[RATE : 3 * RATE] += samples(620, RATE, 2 * RATE)
    assert spans((audio / 2**15).astype(np.float32), 620) == [(0.95, 3.0)]


def test_audio_is_placed_by_the_frames() -> None:
    reading = Reading(codes=seen(100, 200), heard={TONE: [(0.5, 3.0), (4.0, 9.0)]})
    assert on_the_clock(reading, TONE, FPS) == [(10.5, 13.0), (14.0, 19.0)]
    assert on_the_clock(reading, 440, FPS) == []
    assert on_the_clock(Reading(heard={TONE: [(0, 1)]}), TONE, FPS) == []


def test_silences_between_two_moments() -> None:
    heard = [(5.0, 12.0), (12.1, 14.0), (15.0, 19.0)]
    assert silences(heard, 10.0, 20.0) == [Gap(14.0, 15.0), Gap(19.0, 20.0)]
    assert silences([], 10.0, 20.0) == [Gap(10.0, 20.0)]


def test_beeps_are_placed_by_the_frames_near_them() -> None:
    late = Reading(codes=[*seen(100, 120), *seen(130, 200, 0.25)], beeps=[1.02, 2.5, 5.02])
    seconds, late_s = zip(*beeps(late, FPS), strict=True)
    assert seconds == (11, 15), "no frame is near the beep between them"
    assert late_s == pytest.approx((0.02, -0.23))


def test_what_is_out_of_step_a_second_after_a_stall() -> None:
    heard = [(second, 0.02) for second in range(10, 40)]
    assert out_of_step(heard, [STALLED])[STALLED] == pytest.approx([0.0] * 5)
    heard[13:15] = [(23, 0.32), (24, 0.17)]
    assert out_of_step(heard, [STALLED])[STALLED] == pytest.approx([0.3, 0.15, 0, 0, 0])
    killed = Struck(Kind.WORKER_KILLED, "room", 25.5, 25.5)
    assert out_of_step(heard, [STALLED, killed])[STALLED] == pytest.approx([0.3, 0.15])
    assert out_of_step([], [STALLED]) == {}


def test_no_fault_spares_all_tracks() -> None:
    assert not set.intersection(*map(set, SPARED.values()))
    assert Kind.MICROPHONE_STALLED not in SPARED[Track.MICROPHONE]
