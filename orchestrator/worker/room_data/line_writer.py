"""Writes lines into a file, in a thread, a few times a second. Bounded: nobody waits for it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator.monitor.usage import boot_id
from orchestrator.recordings.room_data.raw_lines import (
    BOOT,
    MOST_BYTES,
    MOST_LINES,
    ORIGIN,
    as_line,
    raw_paths,
)
from orchestrator.worker.tracks.capture import Note

log = structlog.get_logger(__name__)

MOST_WAITING: Final = 10_000
"""Lines that wait for the disk; of more the newest are left out and counted."""

MOST_WAITING_BYTES: Final = 16 * 2**20
"""About, by the length of their texts."""

BLOCK_BYTES: Final = 2**20
"""Of what earlier workers wrote, read at once to count it."""

PERIOD_S: Final = 0.25
"""Between two writes."""


class LineWriter:
    """One worker's file. `origin` gives the recording's zero, as it is now."""

    def __init__(
        self,
        path: Path,
        origin: Callable[[], int | None],
        note: Note,
        *,
        most_lines: int = MOST_LINES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._path, self._origin, self._note = path, origin, note
        self._most_lines, self._most_bytes = most_lines, most_bytes
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._waiting_bytes = 0
        self._came = asyncio.Event()
        self._written_origin: int | None = None
        self._lines = self._bytes = 0
        self._began = self._failing = False
        self.ended = False
        """The recording has all that it may have."""
        self.left_out = 0
        """Lines that came faster than they could be written, since that was said."""

    def put(self, line: Mapping[str, Any], size_bytes: int = 200) -> None:
        """Takes a line; `size_bytes` is about its length. Never waits."""
        if self.ended:
            return
        full = self._waiting_bytes + size_bytes > MOST_WAITING_BYTES
        if full or len(self._waiting) >= MOST_WAITING:
            self.left_out += 1
            return
        self._waiting.append(line)
        self._waiting_bytes += size_bytes
        self._came.set()

    async def run(self) -> None:
        """Writes, until cancelled."""
        while True:
            await self._came.wait()
            self._came.clear()
            await self.flush()
            await asyncio.sleep(PERIOD_S)
            if self._origin() != self._written_origin:
                self._came.set()

    async def flush(self) -> None:
        """Writes what waits, and where zero is now."""
        lines, self._waiting = list(self._waiting), deque()
        self._waiting_bytes = 0
        if self.left_out:
            lines.append(_left_out(self.left_out))
            self.left_out = 0
        ended, origin_ns = self.ended, self._origin()
        if not lines and origin_ns == self._written_origin:
            return
        try:
            await asyncio.to_thread(self._write, lines, origin_ns)
        except OSError as error:
            self._failed(error, len(lines))
        else:
            self._failing = False
        if self.ended and not ended:
            self._note(
                "data",
                f"Data of the room is cut: {self._lines} lines or {self._bytes} bytes are the"
                " most that a recording keeps.",
                cut=True,
            )

    def _failed(self, error: OSError, lines: int) -> None:
        self.left_out += lines
        if not self._failing:
            self._failing = True
            log.warning("data of the room is not written", error=str(error))
            message = f"Data of the room can't be written: {error.strerror or error}."
            self._note("data", message, failed=True)

    def _write(self, lines: list[Mapping[str, Any]], origin_ns: int | None) -> None:
        """Blocking."""
        if not self._began:
            self._begin()
        data: list[bytes] = [b"\n"] if self._failing else []  # behind half a line
        if origin_ns is not None and origin_ns != self._written_origin:
            data.append(as_line({ORIGIN: origin_ns}))
        count, size_bytes, ended = self._lines, self._bytes, False
        for each in lines:
            line = as_line(each)
            count, size_bytes = count + 1, size_bytes + len(line)
            if ended := count >= self._most_lines or size_bytes >= self._most_bytes:
                data.append(as_line(_cut(each)))
                break
            data.append(line)
        with self._path.open("ab") as file:
            file.write(b"".join(data))
        self._lines, self._bytes, self.ended = count, size_bytes, ended
        self._written_origin = origin_ns

    def _begin(self) -> None:
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        for path in raw_paths(self._path.parent.parent):
            with path.open("rb") as earlier:
                while block := earlier.read(BLOCK_BYTES):
                    self._bytes += len(block)
                    self._lines += block.count(b"\n")
        with self._path.open("ab") as file:
            file.write(as_line({BOOT: boot_id()}))
        self._began = True


def wall_ms(ns: int) -> int:
    """A moment of the monotonic clock on the wall clock, in milliseconds since 1970."""
    return (time.time_ns() - time.monotonic_ns() + ns) // 1_000_000


def _left_out(count: int) -> Mapping[str, Any]:
    now_ns = time.monotonic_ns()
    reason = "they came faster than they could be written"
    return _line("left_out", now_ns) | {"count": count, "reason": reason}


def _cut(at: Mapping[str, Any]) -> Mapping[str, Any]:
    reason = "a recording keeps no more than this"
    return {"ns": at["ns"], "wall_ms": at["wall_ms"], "type": "cut", "reason": reason}


def _line(type: str, ns: int) -> dict[str, Any]:
    return {"ns": ns, "wall_ms": wall_ms(ns), "type": type}
