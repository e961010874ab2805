"""The table of states, and what an exit means."""

from __future__ import annotations

import signal

import pytest

from orchestrator.encoding.process.run_result import RunResult, outcome_of
from orchestrator.encoding.process.states import ENDED, TRANSITIONS, ProcessState, may_follow


def test_the_table_is_complete() -> None:
    assert set(TRANSITIONS) == set(ProcessState)
    reached = {state for following in TRANSITIONS.values() for state in following}
    assert reached == set(ProcessState)


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
    assert outcome_of(returncode, intended=intended, signalled=signalled, begun=begun) == outcome


@pytest.mark.parametrize(
    ("returncode", "line", "cause"),
    [
        (228, "[out#0/mp4] [error] Error muxing: No space left on device", "space"),
        (134, "[out#0/mp4] [error] Error muxing: Disk quota exceeded", "quota"),
        (229, "[out#0/mp4] [error] Error muxing: File too large", "file size"),
        (-signal.SIGXFSZ, "[out#0] [info] anything", "file size"),
        (1, "[out#0/mp4] [error] Invalid argument", None),
    ],
)
def test_what_there_was_too_little_of(returncode: int, line: str, cause: str | None) -> None:
    assert RunResult("failed", returncode, (line,), intended=False).disk_full_cause == cause
    assert RunResult("finished", 0, (line,), intended=False).disk_full_cause is None


def test_an_ending_in_words() -> None:
    assert RunResult("killed", -9, ("last line",), intended=False).reason == (
        "ffmpeg killed (signal 9): last line"
    )
    stderr = ("[mp4] [error] No space left on device", "[libx264] [info] kb/s:260")
    assert RunResult("failed", 228, stderr, intended=False).reason.endswith(stderr[0])
    assert (
        RunResult("finished", 0, ("chatter",), intended=True).reason == "ffmpeg finished (code 0)"
    )
