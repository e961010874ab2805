"""The listening end of a control socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator.errors import HavenError, Unavailable
from orchestrator.ingest.control import DRAFT, LONGEST_LINE, NobodyListens, ask, make_folder

log = structlog.get_logger(__name__)

REQUEST_S: Final = 5.0
"""Longest wait for a request of a connection."""

Handle = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""Answers one request; a HavenError is passed on to who asked."""


class ControlServer:
    """Listens on the control socket of one stream, from `open` to `close`."""

    def __init__(self, path: Path, handle: Handle) -> None:
        self._path, self._handle = path, handle
        self._server: asyncio.Server | None = None
        self._inode: int | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._refusing = False

    async def open(self) -> None:
        """Listens; Unavailable if another process does already."""
        with contextlib.suppress(NobodyListens):
            await ask(self._path, op="status")
            raise Unavailable(
                "Another process holds the stream's publisher.", "Try again in a moment."
            )
        try:
            await self._listen()
        except FileNotFoundError:  # who closed the folder's last socket has just removed it
            await self._listen()

    def refuse(self) -> None:
        """Who asks from now on gets no answer, as if nobody listened."""
        self._refusing = True

    async def close(self) -> None:
        """Answers what was asked; nobody finds the socket when the last answer is given."""
        self.refuse()
        # First the name: who comes before it is gone still gets an answer, or the end at once.
        await asyncio.to_thread(self._remove)
        if self._server is not None:
            self._server.close()
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def _listen(self) -> None:
        await asyncio.to_thread(make_folder, self._path.parent)
        draft = self._path.with_suffix(DRAFT)
        self._server = await asyncio.start_unix_server(self._connected, draft, limit=LONGEST_LINE)
        # It has its name once it listens, and takes that of a process that was killed.
        self._inode = (await asyncio.to_thread(draft.rename, self._path)).lstat().st_ino

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()
            self._path.parent.rmdir()  # the last one's

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        try:
            async with asyncio.timeout(REQUEST_S):
                request = json.loads(await reader.readline())
            writer.write(json.dumps(await self._answer(request)).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            log.info("a control connection ended", error=str(error))
        finally:
            self._answering.discard(task)
            writer.close()

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._handle(request)
        except HavenError as error:
            failure = {"code": error.code, "error": error.error, "detail": error.detail}
            return {"failure": failure | error.context}
