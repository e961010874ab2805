"""Lines at their place in the file: zero that moves, and pauses."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.recordings.room_data.recording_time import FilePause, FileTime, moment, placed

S = 1_000_000_000


def line(at: float, type: str = "chat", **more: Any) -> dict[str, Any]:
    return {"ns": int((100 + at) * S), "wall_ms": 1_700_000_000_000, "type": type, **more}


def test_moments_become_seconds_and_what_came_before_zero_is_at_zero() -> None:
    lines = [line(-5, "joined"), line(1.5, began_ns=101 * S)]
    first, second = placed(lines, 100 * S, FileTime())
    assert first["at_s"] == 0
    assert second == {
        "at_s": 1.5,
        "time": "2023-11-14T22:13:20.000Z",
        "type": "chat",
        "began_s": 1.0,
    }


@pytest.mark.parametrize(
    ("elapsed_s", "expected"),
    [
        (9, (9, False)),
        (10, (10, True)),
        (14.9, (10, True)),
        (15, (10, False)),
        (25, (20, True)),  # the second pause, at 20 s in the file, is a still frame
        (29, (24, True)),
        (30, (25, False)),
    ],
)
def test_a_pause_that_is_cut_takes_its_time_away(
    elapsed_s: float, expected: tuple[float, bool]
) -> None:
    pauses = [FilePause(20, 5, cut=False), FilePause(10, 5, cut=True)]
    assert FileTime(pauses).of(elapsed_s) == expected


def test_a_pause_without_an_end_lasts() -> None:
    assert FileTime([FilePause(10, None, cut=True)]).of(99) == (10, True)


def test_of_a_pause_only_what_participants_do_is_kept() -> None:
    time = FileTime([FilePause(1, 2, cut=True)])
    lines = [line(1.5), line(2, "left"), line(2.5, "data"), line(4)]
    kept = list(placed(lines, 100 * S, time))
    assert [(each["type"], each["at_s"]) for each in kept] == [("left", 1), ("chat", 2)]


def test_lines_of_another_kind_are_skipped() -> None:
    assert list(placed([{"boot": "x"}, {"type": 1, "ns": 2}, {"ns": "a"}], 0, FileTime())) == []


def test_a_wall_clock_that_is_far_off_is_no_error() -> None:
    assert moment(-5) == "1970-01-01T00:00:00.000Z"
    assert moment(10**18).startswith("9999-")
