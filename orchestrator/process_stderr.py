"""ffmpeg's stderr: the last lines in memory, and all of it, up to a limit, in a log file.

A pipe that nobody reads fills after 64 KiB and stalls ffmpeg, so reading never waits for the disk:
when the log can't keep up, text is dropped from it and counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path
from typing import Final

LINES: Final = 200
LINE_BYTES: Final = 2_000
LOG_BYTES: Final = 2**20
_WAITING_BYTES: Final = 2**18


class LineRing:
    """The last lines of a text that arrives in pieces; long lines are cut."""

    def __init__(self, lines: int = LINES, line_bytes: int = LINE_BYTES) -> None:
        self._lines: deque[str] = deque(maxlen=lines)
        self._line_bytes = line_bytes
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Adds a piece; carriage returns end lines, too."""
        *lines, rest = (self._rest + data.replace(b"\r", b"\n")).split(b"\n")
        self._rest = rest[: self._line_bytes]
        self._lines.extend(self._text(line) for line in lines if line.strip())

    def tail(self) -> list[str]:
        """The lines, oldest first, including an unfinished one."""
        rest = [self._text(self._rest)] if self._rest.strip() else []
        return ([*self._lines, *rest])[-(self._lines.maxlen or 0) :]

    def _text(self, line: bytes) -> str:
        return line[: self._line_bytes].decode("utf-8", "replace").rstrip()


class LogFile:
    """A log of limited size: when full, it is renamed to ``NAME.1`` and started anew.

    `put` never waits. `run` writes, in a thread, until `end`.
    """

    def __init__(self, path: Path, limit_bytes: int = LOG_BYTES) -> None:
        self.path = path
        self.left_out_bytes = 0
        self.problem: str | None = None
        """Why the log can't be written; None if it can."""
        self._limit_bytes = limit_bytes
        self._waiting = bytearray()
        self._more = asyncio.Event()
        self._ended = False

    def put(self, data: bytes) -> None:
        """Queues text to be written; what exceeds the limit is dropped and counted."""
        free = max(0, _WAITING_BYTES - len(self._waiting))
        self._waiting += data[:free]
        self.left_out_bytes += len(data) - min(free, len(data))
        self._more.set()

    def end(self) -> None:
        """Lets `run` write what is queued, and return."""
        self._ended = True
        self._more.set()

    async def run(self) -> None:
        """Writes until `end`; an error is kept in `problem`, and the next text is tried again."""
        while not (self._ended and not self._waiting):
            await self._more.wait()
            self._more.clear()
            data, self._waiting = bytes(self._waiting), bytearray()
            try:
                await asyncio.to_thread(self._write, data)
            except OSError as error:
                self.problem = f"{self.path}: {error.strerror or error}"
                self.left_out_bytes += len(data)

    def _write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            size = file.tell()
            file.write(data)
        if size + len(data) >= self._limit_bytes:
            self.path.replace(self.path.with_name(self.path.name + ".1"))
