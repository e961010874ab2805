"""How a run of ffmpeg ended, and what its exit code means. Pure.

An exit code alone is ambiguous: 0 also follows an input without a single frame, and 255 follows
both a SIGINT that finished the file and an output that was refused (ffmpeg 9: AVERROR & 0xff;
fftools/ffmpeg.c, main). So it is interpreted together with what we did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from signal import SIGXFSZ
from typing import Final, Literal

from orchestrator.encoding.process.disk_full import CAUSES, DiskFullCause, cause_in

Outcome = Literal["finished", "failed", "killed"]

STOPPED_BY_SIGNAL: Final = 255
"""ffmpeg after SIGINT or SIGTERM, its trailer written."""

HARD_EXIT: Final = 123
"""ffmpeg after more than three signals: it exits without a trailer."""

_BAD: Final = ("[error]", "[fatal]", "[panic]")


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended."""

    outcome: Outcome
    """finished: the file is complete; failed: ffmpeg gave up; killed: the file is cut off."""
    returncode: int
    """Negative: the number of the signal that killed it."""
    stderr: tuple[str, ...]
    """ffmpeg's last lines."""
    intended: bool
    """We ended it."""
    program: str = "ffmpeg"
    """What ran, for errors."""

    @property
    def disk_full_cause(self) -> DiskFullCause | None:
        """Why it could not write any more; None if it ended for another reason."""
        if self.outcome == "finished":
            return None
        if self.returncode == -SIGXFSZ:
            return "file size"
        return cause_in(" ".join(error_lines(self.stderr)))

    @property
    def reason(self) -> str:
        """The result in words, for users and logs."""
        lines = error_lines(self.stderr) if self.outcome != "finished" else ()
        last = f": {lines[-1]}" if lines else ""
        if self.returncode == -SIGXFSZ:  # ffmpeg had no time to say anything
            last = f": {CAUSES['file size']}"
        code = f"signal {-self.returncode}" if self.returncode < 0 else f"code {self.returncode}"
        return f"{self.program} {self.outcome} ({code}){last}"

    @property
    def advice(self) -> str:
        """What to do if it fails again and again."""
        if self.program != "ffmpeg":
            return "The log in the work folder says more; check the disk that it is on."
        return "Its last lines say why; `orchestrator pipelines check` tests it without a stream."


def error_lines(stderr: Sequence[str]) -> Sequence[str]:
    """Those of ffmpeg's last lines that report errors; all lines, if none does.

    Encoders add a summary of many lines after them (`-loglevel level` marks each line's level).
    """
    return [line for line in stderr if any(level in line for level in _BAD)] or stderr


def outcome_of(returncode: int, *, intended: bool, signalled: bool, begun: bool) -> Outcome:
    """What an exit code means.

    `intended`: we were stopping it; `signalled`: it got SIGINT or SIGTERM; `begun`: it had encoded
    something.
    """
    if returncode < 0 or returncode == HARD_EXIT:
        return "killed"
    if returncode == STOPPED_BY_SIGNAL and intended and signalled:
        return "finished"
    if returncode == 0 and (intended or begun):
        return "finished"
    return "failed"
