"""Puts lines at their place in a recording's file. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from orchestrator.media import SECOND_NS

CONTENT: Final = frozenset({"data", "chat", "transcription", "text", "file", "dtmf", "chapter"})
"""Types of lines that have what somebody said or sent: of a pause they are left out."""


@dataclass(frozen=True, slots=True)
class FilePause:
    """A pause (catalog.pauses.model)."""

    at_s: float
    """Where it begins in the file."""
    length_s: float | None
    """None: until the end."""
    cut: bool
    """Its time isn't in the file; else a still frame stands for it."""


class FileTime:
    """From seconds since the recording's zero to seconds in its file."""

    def __init__(self, pauses: Sequence[FilePause] = ()) -> None:
        self._pauses = sorted(pauses, key=lambda each: each.at_s)

    def of(self, elapsed_s: float) -> tuple[float, bool]:
        """The time in the file, and whether it was in a pause."""
        cut_s = 0.0
        for pause in self._pauses:
            into_s = elapsed_s - (pause.at_s + cut_s)
            if into_s < 0:
                break
            if pause.length_s is None or into_s < pause.length_s:
                return (pause.at_s if pause.cut else elapsed_s - cut_s), True
            cut_s += pause.length_s if pause.cut else 0.0
        return elapsed_s - cut_s, False


def placed(
    lines: Iterable[Mapping[str, Any]], origin_ns: int, time: FileTime
) -> Iterator[dict[str, Any]]:
    """Lines of a worker with `at_s` and `time` instead of moments of its clock.

    What came before zero is at zero. Those of a pause that have content are left out.
    """
    for values in lines:
        if not isinstance(values.get("type"), str) or not isinstance(values.get("ns"), int):
            continue
        at_s, paused = time.of(_elapsed_s(values["ns"], origin_ns))
        if paused and values["type"] in CONTENT:
            continue
        yield {"at_s": round(at_s, 3), **_rest(values, origin_ns, time)}


def _rest(values: Mapping[str, Any], origin_ns: int, time: FileTime) -> dict[str, Any]:
    rest: dict[str, Any] = {}
    for key, value in values.items():
        if key == "ns":
            continue
        if key == "wall_ms" and isinstance(value, int):
            rest["time"] = moment(value)
        elif key.endswith("_ns") and isinstance(value, int):
            elapsed_s = _elapsed_s(value, origin_ns)
            rest[f"{key.removesuffix('_ns')}_s"] = round(time.of(elapsed_s)[0], 3)
        else:
            rest[key] = value
    return rest


def _elapsed_s(ns: int, origin_ns: int) -> float:
    return max(0.0, (ns - origin_ns) / SECOND_NS)


def moment(wall_ms: int) -> str:
    """A moment of the wall clock, in milliseconds since 1970, as ISO 8601 has it."""
    # A clock that is set far off is no reason to lose a line.
    bounded = min(max(wall_ms, 0), 253_402_300_799_999)
    stamp = datetime.fromtimestamp(bounded / 1000, UTC).isoformat(timespec="milliseconds")
    return stamp.replace("+00:00", "Z")
