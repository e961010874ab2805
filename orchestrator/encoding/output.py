"""Where ffmpeg's stderr goes: the last lines in memory, all of it (within bounds) in a log file.

A pipe that nobody reads fills after 64 KiB and then ffmpeg stands still, so what is read is never
held up by the disk: when the log can't keep up, text is left out of it and counted.
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
    """The last lines of a text that comes in pieces; long lines are cut."""

    def __init__(self, lines: int = LINES, line_bytes: int = LINE_BYTES) -> None:
        self._lines: deque[str] = deque(maxlen=lines)
        self._line_bytes = line_bytes
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Takes a piece; carriage returns end lines too."""
        *lines, rest = (self._rest + data.replace(b"\r", b"\n")).split(b"\n")
        self._rest = rest[: self._line_bytes]
        self._lines.extend(self._text(line) for line in lines if line.strip())

    def tail(self) -> list[str]:
        """The lines, oldest first, with the unfinished one."""
        rest = [self._text(self._rest)] if self._rest.strip() else []
        return ([*self._lines, *rest])[-(self._lines.maxlen or 0) :]

    def _text(self, line: bytes) -> str:
        return line[: self._line_bytes].decode("utf-8", "replace").rstrip()


class LogFile:
    """A log that is bounded in size: full, it becomes ``NAME.1`` and begins anew.

    `put` never waits. `run` writes, in a thread, until `end`.
    """

    def __init__(self, path: Path, limit_bytes: int = LOG_BYTES) -> None:
        self.path = path
        self.left_out_bytes = 0
        self.problem: str | None = None
        """Why the log can't be written, when it can't."""
        self._limit_bytes = limit_bytes
        self._waiting = bytearray()
        self._more = asyncio.Event()
        self._ended = False

    def put(self, data: bytes) -> None:
        """Takes text to be written; what exceeds the bound is left out and counted."""
        room = max(0, _WAITING_BYTES - len(self._waiting))
        self._waiting += data[:room]
        self.left_out_bytes += len(data) - min(room, len(data))
        self._more.set()

    def end(self) -> None:
        """Lets `run` write what waits, and return."""
        self._ended = True
        self._more.set()

    async def run(self) -> None:
        """Writes until the end; a disk that refuses is remembered in `problem`, and tried again."""
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
