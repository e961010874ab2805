"""Files that can't be encoded again."""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors.base import HavenError


class SourceDamaged(HavenError):
    """Part of the file can't be read or decoded; nothing was made of it."""

    status = 422
    code = "source_damaged"

    def __init__(self, path: Path, at_s: float, problem: str) -> None:
        minutes, seconds = divmod(at_s, 60)
        super().__init__(
            f"{path} is damaged at {minutes:.0f}:{seconds:06.3f}: {problem}.",
            "It was left as it is: a file that doesn't decode whole isn't encoded again;"
            " `orchestrator inspect FILE` lists all the damage.",
        )
