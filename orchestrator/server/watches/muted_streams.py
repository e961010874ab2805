"""Live streams in which everybody is muted: one task for each waits for the unmute."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import HavenError, StreamNotFound

log = structlog.get_logger(__name__)

Unmute = Callable[[str, E2eeKeys | None], Awaitable[None]]
"""Returns when somebody in the stream unmutes, of those whose keys are given if it is encrypted; a
HavenError when that can't be waited for."""


class MutedStreams:
    """At most one wait for each stream; `close` ends them all, and starts that are under way."""

    def __init__(self, unmute: Unmute) -> None:
        self._unmute = unmute
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> frozenset[str]:
        """The streams' ids."""
        return frozenset(self._waiting)

    def wait(
        self,
        stream_id: str,
        keys: E2eeKeys | None,
        begin: Callable[[], Awaitable[None]],
        failed: Callable[[HavenError], None],
    ) -> None:
        """Calls `begin` at the unmute, `failed` if that can't be waited for.

        Neither is called when the stream is over: the next round of the watches finds that out.
        """
        if stream_id not in self._waiting:
            log.info("everybody in the stream is muted; waiting for an unmute", stream=stream_id)
            task = asyncio.create_task(self._wait(stream_id, keys, begin, failed))
            self._waiting[stream_id] = task
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def forget(self, stream_id: str) -> None:
        """End the wait for this stream, if there is one."""
        if (waiting := self._waiting.pop(stream_id, None)) is not None:
            waiting.cancel()

    async def close(self) -> None:
        """Returns when no task is left running."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _wait(
        self,
        stream_id: str,
        keys: E2eeKeys | None,
        begin: Callable[[], Awaitable[None]],
        failed: Callable[[HavenError], None],
    ) -> None:
        try:
            await self._unmute(stream_id, keys)
            self._waiting.pop(stream_id, None)  # from here on `forget` mustn't cancel its start
            await begin()
        except StreamNotFound:
            return
        except HavenError as error:
            failed(error)
        except Exception:  # a task's boundary: the next round looks for the stream again
            log.exception("waiting for an unmute failed", stream=stream_id)
        finally:
            if self._waiting.get(stream_id) is asyncio.current_task():
                del self._waiting[stream_id]
