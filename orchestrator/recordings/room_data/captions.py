"""From lines of data to cues: what was spoken and transcribed, and what was written in the chat.
Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from orchestrator.recordings.room_data.webvtt import Cue

MOST_CUES: Final = 100_000
MOST_OPEN: Final = 1000
"""Segments at a time that aren't final yet."""

CHARACTERS_PER_S: Final = 15.0
"""How fast people speak, and read."""

SPOKEN_S: Final = (1.0, 7.0)
"""Bounds of how long a text was spoken, where only its end is known."""

SHORTEST_S: Final = 1.0
READ_S: Final = (3.0, 8.0)
"""Bounds of how long a chat message is shown."""


@dataclass(slots=True)
class _Segment:
    name: str
    start_s: float
    end_s: float
    text: str
    guessed: bool
    """When it began isn't known."""


class Captions:
    """Collects cues from lines in order of time."""

    def __init__(self) -> None:
        self.spoken: list[Cue] = []
        self.chat: list[Cue] = []
        self._open: dict[tuple[str, str], _Segment] = {}
        self._last_end_s: dict[str, float] = {}
        """By participant, the end of what it said last."""

    @property
    def speakers(self) -> int:
        """How many different names there are among those who spoke."""
        return len({cue.name for cue in self.spoken})

    def add(self, line: Mapping[str, Any]) -> None:
        """Takes one line; what is no text of these kinds is no matter."""
        text = line.get("text")
        if not isinstance(text, str) or not text.strip():
            return
        if line["type"] == "chat" and not line.get("deleted") and len(self.chat) < MOST_CUES:
            read_s = _within(2 + len(text) / CHARACTERS_PER_S, READ_S)
            at_s = line["at_s"]
            self.chat.append(Cue(at_s, at_s + read_s, _name(line), text))
        elif line["type"] == "transcription":
            self._transcribed(line, text)

    def finish(self) -> None:
        """No more lines: what never became final stays as it was last."""
        for key in tuple(self._open):
            self._close(key)

    def _transcribed(self, line: Mapping[str, Any], text: str) -> None:
        at_s, who = line["at_s"], _identity(line)
        key = (who, str(line.get("segment", "")))
        began_s = float(line.get("began_s", at_s))
        segment = self._open.get(key)
        if segment is None:
            if len(self._open) >= MOST_OPEN:
                self._close(next(iter(self._open)))
            guessed = bool(line.get("final", True)) and at_s - began_s < 0.5
            segment = _Segment(_name(line), began_s, at_s, text, guessed)
            self._open[key] = segment
        segment.text, segment.end_s = text, at_s
        segment.start_s = min(segment.start_s, began_s)
        if line.get("final", True):
            self._close(key)

    def _close(self, key: tuple[str, str]) -> None:
        segment, who = self._open.pop(key), key[0]
        before_s = self._last_end_s.get(who, 0.0)
        if segment.guessed:
            spoken_s = _within(len(segment.text) / CHARACTERS_PER_S, SPOKEN_S)
            # Not into what it said before.
            latest_s = max(before_s, segment.end_s - spoken_s)
            segment.start_s = max(0.0, min(segment.start_s, latest_s))
        end_s = max(segment.end_s, segment.start_s + SHORTEST_S)
        self._last_end_s[who] = end_s
        if len(self.spoken) < MOST_CUES:
            self.spoken.append(Cue(segment.start_s, end_s, segment.name, segment.text))


def _identity(line: Mapping[str, Any]) -> str:
    return str((line.get("participant") or {}).get("identity", ""))


def _name(line: Mapping[str, Any]) -> str:
    participant = line.get("participant") or {}
    return str(participant.get("name") or participant.get("identity") or "")


def _within(seconds: float, bounds: tuple[float, float]) -> float:
    return min(max(seconds, bounds[0]), bounds[1])
