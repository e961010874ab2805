"""An ffmpeg that gets nothing while its recording is paused has not stalled."""

from __future__ import annotations

from typing import Any

from orchestrator.encoding.process.stall import StallDetector


def test_an_hour_without_input_is_no_stall_and_what_follows_is_watched() -> None:
    detector = StallDetector(0.0, start_timeout_s=15, stall_s=4)
    seen: dict[str, Any] = {"begun": True, "moved_s": 1.0, "cpu_s": 5.0}
    assert detector.check(1.0, fed=1000, **seen) is None
    # It was fed once more, and holds that frame.
    for at_s in range(2, 3600):
        assert detector.check(float(at_s), fed=2000, starved=True, **seen) is None
    assert detector.check(3602.0, fed=3000, waiting=True, **seen) is None
    reason = detector.check(3604.0, fed=3000, waiting=True, **seen)
    assert reason is not None
    assert "stalled" in reason


def test_without_the_pause_it_has_stalled() -> None:
    detector = StallDetector(0.0, start_timeout_s=15, stall_s=4)
    seen: dict[str, Any] = {"begun": True, "moved_s": 1.0, "cpu_s": 5.0}
    assert detector.check(1.0, fed=1000, **seen) is None
    assert detector.check(6.0, fed=2000, **seen) is not None


def test_one_that_was_begun_in_a_pause_has_its_time_to_start_behind_it() -> None:
    detector = StallDetector(0.0, start_timeout_s=15, stall_s=4)
    seen: dict[str, Any] = {"begun": False, "moved_s": 0.0, "cpu_s": 0.1, "fed": 0}
    assert detector.check(100.0, starved=True, **seen) is None
    assert detector.check(114.0, **seen) is None
    assert detector.check(116.0, **seen) is not None
