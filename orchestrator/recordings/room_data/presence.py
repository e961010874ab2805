"""Across a recording's workers: who was there already doesn't join again, and who left while none
of them looked has left. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

ROSTER: Final = "roster"
"""Type of a worker's line with the identities of all who are there when it begins; not published.
"""


class Presence:
    """Follows the lines of all workers, in order."""

    def __init__(self) -> None:
        self._there: dict[str, Mapping[str, Any]] = {}
        self._tracks: set[str] = set()
        self._workers = 0
        """How many have begun."""

    def lines(self, line: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What becomes of one line."""
        type = line["type"]
        if type == ROSTER:
            yield from self._worker(line)
        elif type == "joined":
            yield from self._joined(line)
        elif type == "left":
            self._there.pop(_identity(line), None)
            yield line
        elif type == "published":
            if (sid := _track(line)) not in self._tracks:
                self._tracks.add(sid)
                yield line
        else:
            if type == "unpublished":
                self._tracks.discard(_track(line))
            yield line

    def _worker(self, line: dict[str, Any]) -> Iterator[dict[str, Any]]:
        self._workers += 1
        now = line.get("identities")
        there = set(map(str, now)) if isinstance(now, list) else set[str]()
        stamps: dict[str, Any] = {key: line[key] for key in ("at_s", "time") if key in line}
        for identity in [each for each in self._there if each not in there]:
            participant = self._there.pop(identity)
            yield {**stamps, "type": "left", "participant": participant, "unnoticed": True}

    def _joined(self, line: dict[str, Any]) -> Iterator[dict[str, Any]]:
        identity, before = _identity(line), line.get("before") is True
        known = identity in self._there
        self._there[identity] = line.get("participant") or {}
        if before and known:
            return
        if before and self._workers > 1:
            rest = {key: value for key, value in line.items() if key != "before"}
            line = {**rest, "unnoticed": True}
        yield line


def _identity(line: Mapping[str, Any]) -> str:
    return str((line.get("participant") or {}).get("identity", ""))


def _track(line: Mapping[str, Any]) -> str:
    return str((line.get("track") or {}).get("sid", ""))
