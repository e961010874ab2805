"""Runs the catalog's transactions on their own threads, so the event loop never waits for a disk.

One thread writes, so the writers of this process queue up (SQLite's own waiting polls and isn't
fair); a few others read. A caller that is cancelled while waiting never starts; a transaction that
has started runs to its end, even if its caller is cancelled: none is left half done, and no
connection is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from orchestrator.catalog import database

READERS: Final = 2
THREAD_TIMEOUT_S: Final = 3 * database.BUSY_TIMEOUT_S
"""Longest wait for a thread; earlier transactions take milliseconds."""

_T = TypeVar("_T")


class Transactions:
    """The transactions of a prepared database, until `close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.engine = database.create_engine(path, connections=1 + READERS)
        self._writer = _Threads(path, "catalog-writer", 1)
        self._readers = _Threads(path, "catalog-reader", READERS)

    async def read(self, work: Callable[[Session], _T]) -> _T:
        """What `work` returns, in a transaction on a reader's thread.

        Errors: Unavailable, and whatever `work` raises.
        """
        return await self._readers.run(partial(self._transact, self.engine, work))

    async def write(self, work: Callable[[Session], _T], *, durable: bool = False) -> _T:
        """What `work` returns, on the writer's thread; committed unless `work` raises.

        `durable`: the commit survives a power cut, but waits for the disk.
        """
        engine = self.engine.execution_options(writes=True, durable=durable)
        return await self._writer.run(partial(self._transact, engine, work))

    async def close(self) -> None:
        """Returns when earlier calls are done, the threads have ended and the connections are
        closed.

        If this is cancelled, calls that are still waiting for a thread get RuntimeError.
        """
        try:
            await self._writer.wait_until_started()
            await self._readers.wait_until_started()
        finally:
            # Shielded: it must always end, and the loop waits for its own threads.
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self._end))

    def _transact(self, engine: Engine, work: Callable[[Session], _T]) -> _T:
        with (
            database.reporting(self._path),
            Session(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            return work(session)

    def _end(self) -> None:
        self._writer.end()
        self._readers.end()
        self.engine.dispose()


class _Threads:
    """A few threads, and waiting for one of them: the executor's own queue stays empty."""

    def __init__(self, path: Path, name: str, count: int) -> None:
        self._path = path
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._free = asyncio.Semaphore(count)

    async def run(self, function: Callable[[], _T]) -> _T:
        """What `function` returns or raises; Unavailable if no thread becomes free in time."""
        await self._acquire()
        try:
            future = asyncio.get_running_loop().run_in_executor(self._executor, function)
        except RuntimeError:  # closed in the meantime
            self._free.release()
            raise
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    async def wait_until_started(self) -> None:
        """Waits until every earlier call has a thread: an asyncio.Semaphore is fair."""
        async with self._free:
            pass

    def end(self) -> None:
        """Ends the threads after their current calls. Blocking."""
        self._executor.shutdown()

    async def _acquire(self) -> None:
        try:
            async with asyncio.timeout(THREAD_TIMEOUT_S):
                await self._free.acquire()
        except TimeoutError as error:
            cause = f"no thread became free within {THREAD_TIMEOUT_S:g} s"
            raise database.unavailable(self._path, cause) from error

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._free.release()
        # Retrieved, so that asyncio does not log an error whose caller was cancelled.
        future.exception()
