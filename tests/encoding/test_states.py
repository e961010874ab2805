"""The table of states, and what an exit means."""

from __future__ import annotations

import pytest

from orchestrator.encoding.ending import Ending, judge
from orchestrator.encoding.states import ALIVE, ENDED, TRANSITIONS, ProcessState, may_follow


def test_the_table_is_complete() -> None:
    assert set(TRANSITIONS) == set(ProcessState)
    reached = {state for following in TRANSITIONS.values() for state in following}
    assert reached == set(ProcessState)
    assert not ALIVE & ENDED


def test_nothing_follows_itself() -> None:
    assert not [state for state in ProcessState if may_follow(state, state)]


def test_only_a_start_leaves_an_ended_state() -> None:
    assert {s for state in ENDED for s in TRANSITIONS[state]} == {ProcessState.STARTING}


@pytest.mark.parametrize(
    ("returncode", "intended", "signalled", "begun", "outcome"),
    [
        (0, True, False, True, "finished"),
        (0, True, False, False, "finished"),
        (0, False, False, True, "finished"),
        (0, False, False, False, "failed"),  # not a single frame came: an empty file
        (255, True, True, True, "finished"),  # SIGINT: the trailer is written
        (255, True, False, True, "failed"),  # EPERM at the output, by chance while stopping
        (255, False, False, True, "failed"),
        (228, True, True, True, "failed"),  # the disk was full when it flushed
        (1, False, False, True, "failed"),
        (123, True, True, True, "killed"),  # too many signals: no trailer
        (-9, True, True, True, "killed"),
        (-11, False, False, True, "killed"),
    ],
)
def test_exit_codes_are_judged_by_intent(
    returncode: int, intended: bool, signalled: bool, begun: bool, outcome: str
) -> None:
    assert judge(returncode, intended=intended, signalled=signalled, begun=begun) == outcome


def test_an_ending_in_words() -> None:
    assert Ending("killed", -9, ("last line",), intended=False).reason == (
        "ffmpeg killed (signal 9): last line"
    )
    told = ("[mp4] [error] No space left on device", "[libx264] [info] kb/s:260")
    assert Ending("failed", 228, told, intended=False).reason.endswith(told[0])
    assert Ending("finished", 0, ("chatter",), intended=True).reason == "ffmpeg finished (code 0)"
