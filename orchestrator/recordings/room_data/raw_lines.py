"""Lines as a worker writes them while it records: one file for each worker, in the work folder.

A line has `ns`, when it came on the machine's monotonic clock: zero of the recording still moves in
its first seconds. Where zero is, lines of their own say (`origin_ns`); the last one counts. What
can't be read is skipped: a worker that was killed leaves half a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

FOLDER: Final = "room_data"
"""In the work folder."""

MOST_BYTES: Final = 128 * 2**20
MOST_LINES: Final = 500_000
"""Of one recording; the last line says that it is cut."""

ORIGIN: Final = "origin_ns"
BOOT: Final = "boot"


def raw_path(work: Path, number: int) -> Path:
    """The file of a recording's worker, by its number."""
    return work / FOLDER / f"{number:04}.jsonl"


def raw_paths(work: Path) -> list[Path]:
    """Those there are, in the order of their workers. Blocking."""
    return sorted((work / FOLDER).glob("[0-9]*.jsonl"))


def as_line(values: Mapping[str, Any]) -> bytes:
    """One line of JSON, with its end."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace") + b"\n"


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """Every line that can be read. Blocking."""
    with path.open("rb") as file:
        for line in file:
            if (values := _parsed(line)) is not None:
                yield values


def origin_of(path: Path, boot: str | None, known_ns: int | None) -> int | None:
    """Zero on the clock of a file's lines, as its worker has last written it. Blocking.

    One that was killed before it knew began in the time of `known_ns`, if that is of the same
    `boot`.
    """
    origin_ns: int | None = None
    same_boot = False
    for values in lines_of(path):
        if isinstance(found := values.get(ORIGIN), int):
            origin_ns = found
        elif "type" not in values:
            same_boot = values.get(BOOT) == boot
    return known_ns if origin_ns is None and same_boot else origin_ns


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None
