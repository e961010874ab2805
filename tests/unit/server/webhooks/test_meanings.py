"""What lines of the event log mean to web hooks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orchestrator.catalog.models import Event
from orchestrator.server.webhooks.meanings import meanings
from tests.kit.catalog.rows import NOON


def event(id: int, after_s: float, kind: str, **data: Any) -> Event:
    at = NOON + timedelta(seconds=after_s)
    return Event(id=id, recording_id="1", at=at, kind=kind, message="words", data=data)


def state(id: int, after_s: float, before: str, to: str) -> Event:
    return event(id, after_s, "state", **{"from": before, "to": to})


LOST = state(1, 0, "recording", "reconnecting")


@pytest.mark.parametrize(
    ("line", "type"),
    [
        (event(1, 0, "joined"), "recording.joined"),
        (state(1, 0, "starting", "recording"), "recording.first_frame"),
        (state(1, 0, "recording", "paused"), "recording.paused"),
        (state(1, 0, "paused", "recording"), "recording.resumed"),
        (state(1, 0, "paused", "reconnecting"), "recording.resumed"),
        (event(1, 0, "worker"), "recording.gap_began"),
        (event(1, 0, "worker", state="recording"), "recording.gap_began"),
        (event(1, 0, "worker", state="reconnecting"), None),  # that gap goes on
        (event(1, 0, "worker", state="paused"), None),
        (event(1, 0, "worker", state="starting"), None),
        (event(1, 0, "worker", state="stopping"), None),
        (event(1, 0, "missing", track="TR_a"), "recording.gap_began"),
        (event(1, 0, "arriving", track="TR_a"), "recording.gap_ended"),
        (event(1, 0, "gap", track="TR_a"), "recording.gap_began"),
        (event(1, 0, "gap_ended", track="TR_a"), "recording.gap_ended"),
        (event(1, 0, "encoded", state="failed", encode_id="e"), "recording.encoded"),
        (event(1, 0, "output", type="upload", to="complete"), "recording.uploaded"),
        (event(1, 0, "output", type="upload", to="failed"), "recording.upload_failed"),
        (event(1, 0, "output", type="upload", to="retrying"), "output.changed"),
        (event(1, 0, "output", type="push", to="failed"), "output.changed"),
        (state(1, 0, "recording", "stopping"), None),
        (state(1, 0, "stopping", "completed"), None),
        (state(1, 0, "paused", "stopping"), None),
    ],
)
def test_one_line_has_one_meaning(line: Event, type: str | None) -> None:
    made, count = meanings([line], NOON, over=False)
    assert [each.type for each in made] == ([] if type is None else [type])
    assert count == 1
    assert all(each.data["message"] == "words" and each.number == 1 for each in made)


def test_a_short_loss_of_the_connection_is_not_reported() -> None:
    back = state(2, 1.9, "reconnecting", "recording")
    assert meanings([LOST, back], NOON + timedelta(seconds=5), over=False) == ([], 2)


def test_a_loss_waits_until_it_is_known_how_long_it_is() -> None:
    joined = event(0, 0, "joined")
    made, count = meanings([joined, LOST], NOON + timedelta(seconds=1.9), over=False)
    assert [each.type for each in made] == ["recording.joined"]
    assert count == 1
    made, count = meanings([LOST], NOON + timedelta(seconds=2), over=False)
    assert [each.type for each in made] == ["recording.gap_began"]
    assert count == 1


def test_a_long_loss_begins_and_ends() -> None:
    back = state(2, 2, "reconnecting", "recording")
    made, _ = meanings([LOST, back], NOON + timedelta(seconds=2), over=False)
    assert [each.type for each in made] == ["recording.gap_began", "recording.gap_ended"]
    assert {each.data["cause"] for each in made} == {"connection"}


def test_what_a_worker_lost_ends_with_the_next_worker() -> None:
    died = event(1, 0, "worker", state="recording")
    back = state(2, 1, "reconnecting", "recording")
    back.data["cause"] = "worker"
    made, _ = meanings([died, back], NOON + timedelta(seconds=5), over=False)
    assert [each.type for each in made] == ["recording.gap_began", "recording.gap_ended"]
    assert {each.data["cause"] for each in made} == {"worker"}


@pytest.mark.parametrize("now_s", [1.0, -3600.0])
def test_nothing_waits_for_a_recording_that_is_over_or_a_clock_set_back(now_s: float) -> None:
    now = NOON + timedelta(seconds=now_s)
    made, count = meanings([LOST], now, over=now_s > 0)
    assert ([each.type for each in made], count) == (["recording.gap_began"], 1)
