"""Something done again and again, until it is closed or its task is cancelled.

One call at a time: the next begins a period after the last one began, or half a period after it
ended if it took long. A failure is logged and the next call tries again; the same failure is logged
once, until a call succeeds. Cancellation goes through at any moment.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from orchestrator.errors import HavenError

log = structlog.get_logger(__name__)


class Periodic:
    """Calls `action` each `period_s` seconds while `run` runs."""

    def __init__(
        self,
        action: Callable[[], Awaitable[object] | None],
        period_s: float,
        *,
        failure: str | None,
        foreseen: tuple[type[Exception], ...] = (HavenError, OSError),
        at_once: bool = True,
        together: bool = False,
    ) -> None:
        """`failure`: what a log line says when a call fails; None: the error ends `run`.

        `foreseen`: errors that are logged without a traceback. `at_once`: the first call doesn't
        wait for a period. `together`: calls are made at multiples of the period, when others of
        this process are made as well: a wake-up costs more than what is done then.
        """
        self._together = together
        self._action, self._period_s = action, period_s
        self._failure, self._foreseen, self._at_once = failure, foreseen, at_once
        self._logged = ""
        self._task: asyncio.Task[NoReturn] | None = None
        self.failures = 0
        """Calls that failed."""

    def open(self) -> None:
        """Runs in a task of its own, until `close`."""
        self._task = asyncio.create_task(self.run())

    async def close(self) -> None:
        """Ends it, and a call that is running; may be called before `open`, and again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def run(self) -> NoReturn:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        if not self._at_once:
            await asyncio.sleep(self._period_s)
        while True:
            began_s = clock()
            await self._call()
            await asyncio.sleep(self._rest_s(began_s, clock()))

    def _rest_s(self, began_s: float, now_s: float) -> float:
        least_s = self._period_s / 2
        if not self._together:
            return max(self._period_s - (now_s - began_s), least_s)
        # Processes that were started together don't wake up at the same moment.
        rest_s = self._period_s - (now_s + os.getpid() % 100 / 1000) % self._period_s
        return rest_s if rest_s >= least_s else rest_s + self._period_s

    async def _call(self) -> None:
        if self._failure is None:
            await self._once()
            return
        try:
            await self._once()
        except self._foreseen as error:
            if self._is_new(error):
                log.warning(self._failure, error=self._logged)
        except Exception as error:  # a task's boundary: whatever it was, try again
            if self._is_new(error):
                log.exception(self._failure, error=self._logged)
        else:
            self._logged = ""

    async def _once(self) -> None:
        if (pending := self._action()) is not None:
            await pending

    def _is_new(self, error: Exception) -> bool:
        """Counts a failure; whether it is another one than the last."""
        self.failures += 1
        before, text = self._logged, error.error if isinstance(error, HavenError) else str(error)
        self._logged = text or repr(error)
        return self._logged != before
