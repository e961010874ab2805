"""What is expected of a file, and what is said when it isn't so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.catalog.models import Segment
from orchestrator.mediafiles.probe import AudioProbe, Probe, VideoProbe
from orchestrator.recordings.integrity import (
    CUT_TOLERANCE_S,
    INCOMPLETE,
    TOLERANCE_S,
    VIDEO_ONLY_TOLERANCE_S,
    WHOLE,
    Expected,
    Verdict,
    expected,
    verdict,
)
from tests.kit.catalog.rows import NOON

VIDEO = VideoProbe("h264", 640, 360, None, None)
AUDIO = AudioProbe("aac", 48_000, 2, None)


def found(duration_s: float | None, *, video: bool = True, audio: bool = True) -> Probe:
    return Probe("mp4", duration_s, 1, VIDEO if video else None, AUDIO if audio else None)


def segment(offset_s: float, end_s: float | None, outcome: str | None = "finished") -> Segment:
    return Segment(
        recording_id="a",
        number=1,
        path="/x",
        started_at=NOON,
        offset_s=offset_s,
        end_s=end_s,
        outcome=outcome,
    )


def test_a_file_as_long_as_the_clock_says_is_whole() -> None:
    wanted = expected([segment(10, 20), segment(22, 70)], video=True, audio=True)
    assert wanted == Expected(True, True, 60.0, TOLERANCE_S)
    assert verdict(found(60.06), wanted).outcome == WHOLE
    assert verdict(found(60.06), wanted).problem is None


@pytest.mark.parametrize("duration_s", [59.0, 62.0])
def test_a_file_of_another_length_is_not(duration_s: float) -> None:
    made = verdict(found(duration_s), expected([segment(0, 60)], video=True, audio=True))
    assert made.outcome == INCOMPLETE
    assert made.problem == (
        f"The file plays, but it is {duration_s:.1f} s long, and 60.0 s were recorded."
    )


@pytest.mark.parametrize("outcome", ["killed", "failed", None])
def test_an_end_that_was_cut_off_may_be_missing(outcome: str | None) -> None:
    wanted = expected([segment(0, 30), segment(30, 60, outcome)], video=True, audio=True)
    assert wanted.tolerance_s == CUT_TOLERANCE_S
    assert verdict(found(56), wanted).outcome == WHOLE
    assert verdict(found(54), wanted).outcome == INCOMPLETE


def test_more_than_a_dead_worker_knew_of_is_welcome() -> None:
    assert verdict(found(90), expected([segment(0, 60, None)], video=True, audio=True)) == Verdict(
        WHOLE
    )
    killed = verdict(found(90), expected([segment(0, 60, "killed")], video=True, audio=True))
    assert killed.outcome == INCOMPLETE


def test_a_frame_stands_until_its_end_without_being_written() -> None:
    wanted = expected([segment(0, 60)], video=True, audio=False)
    assert wanted.tolerance_s == VIDEO_ONLY_TOLERANCE_S
    assert verdict(found(58.5, audio=False), wanted).outcome == WHOLE


def test_a_frame_held_at_the_end_makes_a_file_longer_by_a_second() -> None:
    assert verdict(found(60.9), expected([segment(0, 60)], video=True, audio=True)).problem is None
    audio = expected([segment(0, 60)], video=False, audio=True)
    assert verdict(found(60.9, video=False), audio).outcome == INCOMPLETE


def test_a_stream_that_is_missing_is_named() -> None:
    wanted = expected([segment(0, 60)], video=True, audio=True)
    assert "it has no audio" in str(verdict(found(60, audio=False), wanted).problem)
    assert "it has no video" in str(verdict(found(60, video=False), wanted).problem)


def test_an_end_that_does_not_decode_is_reported() -> None:
    cut = replace(found(60), problem="The video at the file's end can't be decoded.")
    made = verdict(cut, expected([segment(0, 60, "failed")], video=True, audio=True))
    assert made.outcome == INCOMPLETE
    assert "only up to its cut (The video at the file's end" in str(made.problem)


def test_nothing_is_claimed_of_what_nobody_counted() -> None:
    wanted = expected([segment(0, 60), segment(60, None)], video=True, audio=True)
    assert wanted.duration_s is None
    assert verdict(found(3), wanted).outcome == WHOLE
    said = verdict(found(None), expected([segment(0, 60)], video=True, audio=True))
    assert "its length is unknown" in str(said.problem)
