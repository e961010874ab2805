"""What the tests' own ears hear: tones that are slewed, interrupted, or masked by a beep."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.kit.signals.codes import beep
from tests.kit.signals.tones import AMPLITUDE, RATE, heard

BOTH = frozenset({440, 620})


def tones(*hertz: float, seconds: float = 2) -> npt.NDArray[np.float32]:
    at = np.arange(round(seconds * RATE)) / RATE
    wave = sum((AMPLITUDE * np.sin(2 * np.pi * each * at) for each in hertz), np.zeros(len(at)))
    return (wave / 2**15).astype(np.float32)


@pytest.mark.parametrize("slew", [0, 0.006, -0.006])
def test_a_slewed_tone_is_heard_beside_a_beep(slew: float) -> None:
    audio = tones(440 * (1 + slew), 620 * (1 + slew))
    audio += beep(0, len(audio), RATE).astype(np.float32) / 2**15
    assert set(heard(audio).rows) == {BOTH}


@pytest.mark.parametrize("missing", [480, 960, 1920])
def test_a_tone_with_a_phase_jump_is_heard(missing: int) -> None:
    audio = tones(440, 620)
    assert heard(np.delete(audio, slice(12_000, 12_000 + missing))).rows[0] == BOTH


def test_a_tone_that_is_not_there_is_not_heard() -> None:
    assert heard(tones(440)).rows == [frozenset({440})] * 4
    assert heard(np.zeros(RATE, np.float32)).rows == [frozenset()] * 2


def test_of_speakers_that_take_turns_each_is_heard_in_its_own_turn() -> None:
    audio = np.concatenate([tones(440, seconds=1), tones(620, seconds=1)])
    assert heard(audio).rows == [frozenset({440})] * 2 + [frozenset({620})] * 2
