"""Makes a recording's files of data from its workers' lines. Blocking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from orchestrator.recordings.room_data.captions import Captions
from orchestrator.recordings.room_data.presence import Presence
from orchestrator.recordings.room_data.raw_lines import as_line, lines_of, origin_of, raw_paths
from orchestrator.recordings.room_data.recording_time import FilePause, FileTime, placed
from orchestrator.recordings.room_data.webvtt import Cue, webvtt

VERSION: Final = 1
"""Of the lines' schema (docs/data.md)."""

MOST_CHAPTERS: Final = 1000

_NOT_ALONE: Final = frozenset({"published", "unpublished"})
"""What every stream has: of these alone no file is made."""


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A final file of the recording."""

    name: str
    offset_s: float
    """Where it begins in the recording."""
    duration_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFacts:
    """What is known of the recording."""

    work: Path
    header: Mapping[str, Any]
    """For the first line."""
    boot: str | None
    origin_ns: int | None
    pauses: Sequence[FilePause] = ()


@dataclass(slots=True)
class RoomData:
    """What was made."""

    lines: int = 0
    """In the file of lines, without the first; 0: there is no file."""
    spoken: list[Cue] = field(default_factory=list)
    speakers: int = 0
    chat: list[Cue] = field(default_factory=list)

    def captions(self, from_s: float = 0.0, to_s: float | None = None) -> str | None:
        """WebVTT of what was transcribed, of a file from here to there; None if it is empty."""
        return _vtt(self.spoken, from_s, to_s, names=self.speakers > 1)

    def chat_captions(self, from_s: float = 0.0, to_s: float | None = None) -> str | None:
        """The same of the chat."""
        return _vtt(self.chat, from_s, to_s, names=True)


def has_lines(work: Path) -> bool:
    """Whether anything was written down."""
    return bool(raw_paths(work))


def make(facts: RecordingFacts, target: Path) -> RoomData:
    """Writes `target`, JSON lines; OSError. It is left empty if there is nothing to say."""
    made, captions, types = RoomData(), Captions(), set[str]()
    with target.open("wb") as file:
        file.write(as_line({"type": "header", "version": VERSION, **facts.header}))
        for line in _lines(facts):
            file.write(as_line(line))
            made.lines += 1
            types.add(line["type"])
            captions.add(line)
        if types <= _NOT_ALONE:
            file.truncate(0)
            return RoomData()
    captions.finish()
    made.spoken, made.chat, made.speakers = captions.spoken, captions.chat, captions.speakers
    return made


def chapters(facts: RecordingFacts) -> list[tuple[float, str]]:
    """Time in the recording in seconds, and title, of what participants marked; OSError."""
    marked = (line for line in _lines(facts) if line["type"] == "chapter" and line.get("title"))
    return [(line["at_s"], str(line["title"])) for line in islice(marked, MOST_CHAPTERS)]


def _lines(facts: RecordingFacts) -> Iterator[dict[str, Any]]:
    time, presence = FileTime(facts.pauses), Presence()
    for path in raw_paths(facts.work):
        origin_ns = origin_of(path, facts.boot, facts.origin_ns)
        if origin_ns is not None:
            for line in placed(lines_of(path), origin_ns, time):
                yield from presence.lines(line)


def _vtt(cues: Sequence[Cue], from_s: float, to_s: float | None, *, names: bool) -> str | None:
    inside = [
        Cue(max(0.0, cue.start_s - from_s), cue.end_s - from_s, cue.name, cue.text)
        for cue in cues
        if cue.end_s > from_s and (to_s is None or cue.start_s < to_s)
    ]
    return webvtt(inside, names=names) if inside else None
