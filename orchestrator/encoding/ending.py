"""What the end of a run means. Pure.

An exit code alone says nothing: 0 comes of an input without a single frame, 255 of a SIGINT that
finished the file as well as of a refused output (ffmpeg 9: AVERROR & 0xff; fftools/ffmpeg.c, main).
So it is judged together with what we did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Outcome = Literal["finished", "failed", "killed"]

STOPPED_BY_SIGNAL: Final = 255
"""ffmpeg after SIGINT or SIGTERM, its trailer written."""

HARD_EXIT: Final = 123
"""ffmpeg after more than three signals: it leaves without a trailer."""

_BAD: Final = ("[error]", "[fatal]", "[panic]")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    outcome: Outcome
    """finished: the file is closed; failed: ffmpeg gave up; killed: the file stops where it was."""
    returncode: int
    """Negative: the signal that killed it."""
    stderr: tuple[str, ...]
    """ffmpeg's last lines."""
    intended: bool
    """We asked for it."""

    @property
    def reason(self) -> str:
        """The end in words, for people."""
        told = telling(self.stderr) if self.outcome != "finished" else ()
        last = f": {told[-1]}" if told else ""
        code = f"signal {-self.returncode}" if self.returncode < 0 else f"code {self.returncode}"
        return f"ffmpeg {self.outcome} ({code}){last}"


def telling(stderr: Sequence[str]) -> Sequence[str]:
    """Of ffmpeg's last lines those that say what went wrong; all, if none does.

    Encoders add a summary of many lines behind it (`-loglevel level` names each line's level).
    """
    return [line for line in stderr if any(level in line for level in _BAD)] or stderr


def judge(returncode: int, *, intended: bool, signalled: bool, begun: bool) -> Outcome:
    """What an exit code means.

    intended: the run was being stopped; signalled: by SIGINT or SIGTERM, too; begun: it had encoded
    something.
    """
    if returncode < 0 or returncode == HARD_EXIT:
        return "killed"
    if returncode == STOPPED_BY_SIGNAL and intended and signalled:
        return "finished"
    if returncode == 0 and (intended or begun):
        return "finished"
    return "failed"
