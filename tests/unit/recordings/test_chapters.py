"""Which chapters a file has."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestrator.catalog.pauses.model import Pause
from orchestrator.recordings.chapters import BEGINNING, Chapter, chapters_of

NOON = datetime(2024, 12, 1, 12, tzinfo=UTC)


def pause(at_s: float, length_s: float | None, mode: str = "cut") -> Pause:
    return Pause(
        recording_id="r1", number=1, mode=mode, began_at=NOON, at_s=at_s, length_s=length_s
    )


def test_a_pause_that_was_cut_out_is_one_chapter() -> None:
    found = chapters_of([pause(10, 75)], offset_s=0, end_s=60)
    assert found == [Chapter(0, BEGINNING), Chapter(10, "After a pause of 75 s")]


def test_a_still_frame_is_a_chapter_of_its_own() -> None:
    found = chapters_of([pause(10, 300, "still")], offset_s=0, end_s=600)
    assert [(c.start_s, c.title) for c in found] == [
        (0, BEGINNING),
        (10, "Pause of 5 min"),
        (310, "After a pause of 5 min"),
    ]


def test_each_file_has_those_of_its_own_time() -> None:
    both = [pause(10, 1), pause(70, 1), pause(119.9999, 1)]
    second = chapters_of(both, offset_s=60, end_s=120, markers=[(65, "Questions")])
    assert [c.start_s for c in second] == [0, 5, 10]
    assert chapters_of(both, offset_s=20, end_s=60) == []
