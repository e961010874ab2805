"""One ffmpeg that reads an address: its life, and what it says on stderr, without secrets."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from orchestrator.process_stderr import LineRing, LogFile
from orchestrator.url_input.address import masked
from orchestrator.url_input.ends_with_parent import launcher

log = structlog.get_logger(__name__)

_CHUNK: Final = 65_536
_LONGEST_LINE: Final = 16_384
TERM_S: Final = 1.0
"""From SIGTERM, at which it leaves the server, to SIGKILL."""

_DRAIN_S: Final = 1.0
"""For reading the stderr of a process that has ended."""


class InputProcess:
    """`start` once, then `stop`, which returns when it is reaped."""

    def __init__(self, log_path: Path | None, secrets: Sequence[str]) -> None:
        """`log_path`: where its stderr goes; None: nowhere but into `said`."""
        self._secrets = tuple(secrets)
        self._ring = LineRing()
        self._log = LogFile(log_path) if log_path is not None else None
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int | None:
        """None unless it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(
        self, arguments: Sequence[str], listing: bytes, environment: Mapping[str, str]
    ) -> int:
        """Starts it with `listing` as its input; gives the descriptor of what it writes.

        It gets a process group of its own, and ends with us. OSError if it can't be started.
        """
        read, write = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *launcher(),
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=write,
                stderr=asyncio.subprocess.PIPE,
                process_group=0,
                env=dict(environment),
            )
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(listing)
        stdin.close()
        self._tasks = [
            asyncio.create_task(self._drain(self._process)),
            *([asyncio.create_task(self._log.run())] if self._log is not None else []),
        ]
        return read

    async def start_looking(
        self, arguments: Sequence[str], listing: bytes, environment: Mapping[str, str]
    ) -> None:
        """The same where nothing is written. OSError if it can't be started."""
        os.close(await self.start(arguments, listing, environment))

    async def stop(self) -> None:
        """Ends it; may be called again."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            self._signal(process, signal.SIGTERM)
            try:
                async with asyncio.timeout(TERM_S):
                    await process.wait()
            except TimeoutError:
                self._signal(process, signal.SIGKILL)
                await process.wait()
        await self._wind_up()

    async def wait(self) -> int | None:
        """Its exit code, when it has ended and all it said is known."""
        if self._process is None:
            return None
        code = await self._process.wait()
        await self._wind_up()
        return code

    def said(self) -> list[str]:
        """The last lines of its stderr, oldest first, without secrets."""
        return self._ring.tail()

    @staticmethod
    def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    async def _wind_up(self) -> None:
        if not self._tasks:
            return
        draining, *logging = self._tasks
        await asyncio.wait({draining}, timeout=_DRAIN_S)
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)
        if self._log is not None:
            self._log.end()
        await asyncio.gather(*logging)
        self._tasks = []
        if self._log is not None and self._log.problem:
            log.warning("the log of the reading ffmpeg is incomplete", problem=self._log.problem)

    async def _drain(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        rest = b""
        while data := await process.stderr.read(_CHUNK):
            whole, newline, rest = (rest + data).rpartition(b"\n")
            if len(rest) > _LONGEST_LINE:
                whole, newline, rest = rest, b"\n", b""
            self._keep(whole + newline)
        self._keep(rest)

    def _keep(self, data: bytes) -> None:
        if data:
            text = masked(data.decode("utf-8", "replace"), self._secrets).encode()
            self._ring.feed(text)
            if self._log is not None:
                self._log.put(text)
