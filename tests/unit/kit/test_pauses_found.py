"""What a file with pauses is found to lack, of files that are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.catalog.pauses.model import Pause
from tests.kit.recordings.pauses_found import Asked, Found, found
from tests.kit.signals.reading import Reading

FPS = 30
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
AT_S = 119.5 / FPS
LENGTH_S = 2.0


def unpaused() -> Reading:
    """Ten seconds, with beeps in step."""
    codes = [(number / FPS, number) for number in range(300)]
    return Reading(codes=codes, beeps=[float(second) for second in range(10)])


def paused(mode: str = "cut", *, lacks: tuple[int, ...] = (), beep_late_s: float = 0) -> Reading:
    """The same without the frames from 120 to 179."""
    cut_s = LENGTH_S if mode == "cut" else 0.0
    codes = [(number / FPS, number) for number in range(120)]
    if mode == "still":
        codes += [(5.0, 119), (5.9, 119)]
    codes += [(number / FPS - cut_s, number) for number in range(180, 300)]
    beeps = [float(second) for second in range(4)]
    beeps += [second - cut_s + beep_late_s for second in range(6, 10)]
    return Reading(codes=[each for each in codes if each[1] not in lacks], beeps=beeps)


def look(reading: Reading, mode: str = "cut", beside: Reading | None = None) -> Found:
    ended_at = BEGAN + timedelta(seconds=LENGTH_S)
    pause = Pause(number=1, mode=mode, began_at=BEGAN, ended_at=ended_at)
    pause.at_s, pause.length_s = AT_S, LENGTH_S
    asked = [Asked(ended_at - timedelta(seconds=0.1), 0.05)]
    return found(reading, beside or unpaused(), [pause], asked, 8.0)


@pytest.mark.parametrize("mode", ["cut", "still"])
def test_a_file_that_lacks_nothing(mode: str) -> None:
    seen = look(paused(mode), mode)
    assert (seen.missing, seen.missing_at_pauses, seen.never_came) == ((), 0, 0)
    assert (seen.worst_ms, seen.before_ms, seen.flashes) == (0, 0, 3)
    assert seen.seams_ms == (33.3,)
    assert (seen.longest_resume_ms, seen.longest_answer_ms) == (100, 50)
    assert seen.longest_video_ms == pytest.approx(117, abs=1)


@pytest.mark.parametrize("mode", ["cut", "still"])
def test_frames_that_are_missing(mode: str) -> None:
    seen = look(paused(mode, lacks=(50, 118, 119, 180, 200)), mode)
    assert seen.missing == (50, 200)
    assert seen.missing_at_pauses == 3


def test_what_the_publisher_left_out_is_not_missing() -> None:
    beside = unpaused()
    beside.codes = [each for each in beside.codes if each[1] != 50]
    seen = look(paused(lacks=(50,)), beside=beside)
    assert (seen.missing, seen.never_came) == ((), 1)


def test_audio_that_is_off_behind_a_pause() -> None:
    seen = look(paused(beep_late_s=0.02))
    assert (seen.worst_ms, seen.before_ms) == (20, 0)


def test_a_flash_that_is_cut_is_compared_with_nothing() -> None:
    reading = paused()
    reading.beeps = [each for each in reading.beeps if each != 4.0] + [AT_S]
    assert look(reading).worst_ms == 0
