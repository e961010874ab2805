"""Runs the catalog's transactions on threads of its own, so the event loop never waits for a disk.

One thread writes: the writers of this process take turns there (SQLite's own waiting polls and
isn't fair). A few others read. Who is cancelled before his turn never begins; what has begun runs
to its end, whatever becomes of the caller: no transaction is left half done, no connection is lost.
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
TURN_TIMEOUT_S: Final = 3 * database.BUSY_TIMEOUT_S
"""Longest wait for one's turn; the transactions before it take milliseconds."""

_T = TypeVar("_T")


class Transactions:
    """A database that is prepared already, from the first transaction until `close`."""

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
        """The same on the writer's thread; committed unless `work` raises.

        `durable`: what is committed outlives a power cut, which costs a wait for the disk.
        """
        engine = self.engine.execution_options(writes=True, durable=durable)
        return await self._writer.run(partial(self._transact, engine, work))

    async def close(self) -> None:
        """Returns when the calls made so far are done, the threads ended, the connections closed.

        When this is cancelled, calls that still wait for their turn get RuntimeError.
        """
        try:
            await self._writer.wait_until_begun()
            await self._readers.wait_until_begun()
        finally:
            # Shielded: the end comes in any case, and the loop waits for its own threads.
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
    """A few threads, and the wait for one of them: the executor's own queue stays empty."""

    def __init__(self, path: Path, name: str, count: int) -> None:
        self._path = path
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._free = asyncio.Semaphore(count)

    async def run(self, function: Callable[[], _T]) -> _T:
        """What `function` returns or raises; Unavailable if its turn doesn't come in time."""
        await self._take_turn()
        try:
            future = asyncio.get_running_loop().run_in_executor(self._executor, function)
        except RuntimeError:  # closed meanwhile
            self._free.release()
            raise
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    async def wait_until_begun(self) -> None:
        """Waits until every earlier call has a thread: turns come in order (asyncio.Semaphore)."""
        async with self._free:
            pass

    def end(self) -> None:
        """Ends the threads when what they run is done. Blocking."""
        self._executor.shutdown()

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(TURN_TIMEOUT_S):
                await self._free.acquire()
        except TimeoutError as error:
            cause = f"no turn came within {TURN_TIMEOUT_S:g} s"
            raise database.unavailable(self._path, cause) from error

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._free.release()
        future.exception()  # seen: asyncio needn't log what only a cancelled caller would have got
