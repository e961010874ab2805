"""How far an encode of several files is, as its row has it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.transcoding.result import TranscodingProgress


@dataclass(frozen=True, slots=True)
class Parts:
    """The files of a recording by their durations, in seconds, of which one is at work."""

    durations_s: Sequence[float]
    done: int
    """How many are finished."""

    def progress(self, of_file: TranscodingProgress) -> dict[str, Any]:
        """The values of the row: `share` is from 0 to 1, of all files together.

        What is only read so far isn't done.
        """
        before_s = sum(self.durations_s[: self.done])
        after_s = sum(self.durations_s[self.done + 1 :])
        total_s = before_s + of_file.total_s + after_s
        here_s = 0.0 if of_file.stage == "reading" else of_file.done_s
        done_s = min(before_s + here_s, total_s)
        return {
            "stage": of_file.stage,
            "part": self.done + 1,
            "parts": len(self.durations_s),
            "share": round(done_s / total_s, 4) if total_s > 0 else 0.0,
            "done_s": round(done_s, 3),
            "total_s": round(total_s, 3),
            "frames": of_file.frames,
            "fps": None if of_file.fps is None else round(of_file.fps, 2),
            "left_s": self._left_s(of_file, after_s),
        }

    def _left_s(self, of_file: TranscodingProgress, after_s: float) -> float | None:
        """The other files are expected to go on at the pace of this one."""
        here_s = of_file.total_s - of_file.done_s
        if of_file.left_s is None or here_s <= 0:
            return None
        return round(of_file.left_s * (here_s + after_s) / here_s, 1)
