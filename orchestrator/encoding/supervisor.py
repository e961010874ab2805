"""Keeps one ffmpeg at a time running: a run that fails is followed by the next, in a new file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import structlog

from orchestrator.encoding.backoff import Backoff
from orchestrator.encoding.ending import Ending, telling
from orchestrator.encoding.ffmpeg import Run
from orchestrator.encoding.plan import Plan
from orchestrator.encoding.states import ProcessState, may_follow
from orchestrator.encoding.watch import Watch
from orchestrator.errors import EncodingFailed, HavenError

log = structlog.get_logger(__name__)

_TAIL: Final = 20
"""Last lines of stderr that go into an error."""

_BRIEF_S: Final = 2.0
"""A run that ends by itself sooner than this has failed, whatever its exit code."""

_LOOK_S: Final = 0.5

_NOT_STARTED: Final = 127
"""Stands for an exit code where there was no process (a shell's code for "not found")."""

_S = ProcessState


class Supervisor:
    """`run` until `stop`. Every change of state goes to `on_change` with the reason in words."""

    def __init__(
        self,
        begin: Callable[[int], Awaitable[Plan]],
        on_change: Callable[[ProcessState, str], None],
        on_ended: Callable[[int, Ending], None],
        *,
        max_restarts: int,
        start_timeout_s: float = 15.0,
        stall_s: float = 4.0,
        backoff: Backoff | None = None,
    ) -> None:
        self.state = _S.STOPPED
        self.current: Run | None = None
        self.restarts = 0
        """Runs started because the one before had failed or ended by itself."""
        self._begin = begin
        self._on_change = on_change
        self._on_ended = on_ended
        self._backoff = backoff or Backoff(max_restarts)
        self._start_timeout_s = start_timeout_s
        self._stall_s = stall_s
        self._grace_s = 10.0
        self._ran_s = 0.0
        self._running_since_s = 0.0
        self._stop_wanted = asyncio.Event()
        self._split_wanted = asyncio.Event()
        self._draining: set[asyncio.Task[None]] = set()
        """Runs that finish their file after a split: one at the most."""
        self._waiting: Callable[[], bool] = lambda: False
        self._last_chance_taken = self._unasked = False
        self._finished = asyncio.Event()
        self._entered = False
        self._last: Ending | None = None

    async def run(self) -> None:
        """Until `stop`, or EncodingFailed (context: stderr) when ffmpeg failed too often.

        A HavenError of `begin` ends it too. Cancelled, it ends the run in the same order as `stop`.
        """
        assert not self._entered, "a supervisor runs once"
        self._entered = True
        keeping = asyncio.create_task(self._keep_running())
        try:
            await asyncio.shield(keeping)
        except asyncio.CancelledError:
            self._stop_wanted.set()
            await asyncio.wait([keeping])
            raise
        finally:
            self._finished.set()

    async def stop(self, *, grace_s: float) -> Ending | None:
        """Ends the run and waits until `run` is through; the last run's ending, None without one.

        `grace_s`: least time between the end of the input and signals (ffmpeg.Run.stop). A second
        call waits for the first.
        """
        if not self._stop_wanted.is_set():
            self._grace_s = grace_s
            self._stop_wanted.set()
        if self._entered:
            await self._finished.wait()
        return self._last

    def split(self) -> None:
        """Goes on in a new run, which begins exactly where the present one ends; soon.

        The run before finishes its file meanwhile.
        """
        self._split_wanted.set()

    async def _keep_running(self) -> None:
        try:
            await self._segments()
        except HavenError as error:
            if self.state is _S.RUNNING:
                self._change(_S.EXITED, error.error)
            self._change(_S.FATAL, error.error)
            raise
        finally:
            if self._draining:
                await asyncio.wait(self._draining)

    async def _segments(self) -> None:
        number = 0
        while not self._stop_wanted.is_set() or self._last_chance():
            number += 1
            self.restarts += self._unasked
            self._unasked = False
            self._change(_S.STARTING, f"segment {number}")
            await self._segment(number)
        if self.state is not _S.STOPPED:
            self._change(_S.STOPPED, "stopped between two runs")

    def _last_chance(self) -> bool:
        """Whether a last run has to write what waits: once, if the stop found none that could."""
        if self._last_chance_taken or not self._waiting():
            return False
        self._last_chance_taken = True
        return True

    async def _segment(self, number: int) -> None:
        self._ran_s = 0.0
        self._split_wanted.clear()
        ending = await self._planned(number)
        if ending is None:
            self._change(_S.EXITED, "the recording is split here")
            return
        self._last = ending
        self._on_ended(number, ending)
        if self._stop_wanted.is_set():
            if self.state is not _S.STOPPING:
                self._change(_S.STOPPING, ending.reason)
            self._change(_S.STOPPED, ending.reason)
            return
        await self._after(ending)

    async def _planned(self, number: int) -> Ending | None:
        """One run from its plan to its end. What can't begin (OSError) counts as a failed run.

        None if it was split off: it ends in the background.
        """
        try:
            plan = await self._begin(number)
        except OSError as error:
            return _not_started(f"segment {number} can't be prepared: {error}")
        self._waiting = plan.waiting
        try:
            ending = await self._one(number, plan)
        except OSError as error:
            ending = _not_started(f"{plan.argv[0]} can't be started: {error}")
        if ending is not None:
            await plan.ended(ending)
        return ending

    async def _one(self, number: int, plan: Plan) -> Ending | None:
        run = Run(plan.argv, plan.log_path)
        await run.start()
        self.current = run
        kept = False
        try:
            plan.started(run)
            ending = await self._attend(run, plan)
            if kept := ending is None:
                self._draining.add(asyncio.create_task(self._drain(number, run, plan)))
            return ending
        finally:
            self.current = None
            if run.alive and not kept:
                await run.kill()

    async def _drain(self, number: int, run: Run, plan: Plan) -> None:
        """Lets a run finish its file whose input has ended; the next one runs already."""
        try:
            ending = await run.stop(plan.end_input, grace_s=self._grace_s)
        except HavenError as error:
            log.error("a run that was split off can't be ended", pid=run.pid, error=error.error)
            ending = _not_started(error.error)
        await plan.ended(ending)
        self._on_ended(number, ending)
        self._draining.clear()

    async def _attend(self, run: Run, plan: Plan) -> Ending | None:
        """Until the run has ended: by itself, by `stop`, or because it stands still.

        None when its input was ended for a split.
        """
        watch = Watch(run.started_at_s, self._start_timeout_s, self._stall_s)
        events = {
            "ended": asyncio.create_task(run.wait()),
            "stop": asyncio.create_task(self._stop_wanted.wait()),
            "begun": asyncio.create_task(run.wait_until_begun()),
            "split": asyncio.create_task(self._split_wanted.wait()),
        }
        try:
            while not events["ended"].done():
                await self._wait(events)
                if events["stop"].done():
                    self._change(_S.STOPPING, "stop was asked for")
                    return await run.stop(plan.end_input, grace_s=self._grace_s)
                if events["split"].done() and await self._cut(plan):
                    return None
                if reason := _look(watch, run, plan):
                    log.warning("ffmpeg is killed", pid=run.pid, reason=reason)
                    return replace(await run.kill(), stderr=(*run.stderr_tail(), reason))
            return await run.wait()
        finally:
            for task in events.values():
                task.cancel()

    async def _wait(self, events: dict[str, asyncio.Task[Any]]) -> None:
        open_still = [task for task in events.values() if not task.done()]
        await asyncio.wait(open_still, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        if events["begun"].done() and self.state is _S.STARTING:
            self._running_since_s = time.monotonic()
            self._change(_S.RUNNING, "first frame encoded")
        if self.state is _S.RUNNING:
            self._ran_s = max(time.monotonic() - self._running_since_s, 1e-3)

    async def _cut(self, plan: Plan) -> bool:
        """Whether the input was ended for a split; else it is tried at the next look."""
        if plan.cut is None or self.state is not _S.RUNNING or self._draining:
            return False
        return await asyncio.to_thread(plan.cut)

    async def _after(self, ending: Ending) -> None:
        """What follows a run that nobody asked to end."""
        self._unasked = True
        if ending.outcome == "finished" and self._ran_s >= _BRIEF_S:
            self._change(_S.EXITED, ending.reason)
            return
        delay_s = self._backoff.failed(time.monotonic(), ran_s=self._ran_s)
        if delay_s is None:
            raise EncodingFailed(
                f"ffmpeg failed again and again, the last time so: {ending.reason}.",
                "Its last lines say why; `orchestrator pipelines check` tries it without a stream.",
                stderr=list(telling(ending.stderr)[-_TAIL:]),
            )
        if delay_s == 0:
            self._change(_S.EXITED, ending.reason)
            return
        self._change(_S.BACKOFF, f"{ending.reason}; again in {delay_s:.1f} s")
        await asyncio.wait(
            [waiting := asyncio.create_task(self._stop_wanted.wait())], timeout=delay_s
        )
        waiting.cancel()

    def _change(self, new: ProcessState, reason: str) -> None:
        if not may_follow(self.state, new):
            raise AssertionError(f"encoding can't go from {self.state} to {new}")
        log.info("encoding", was=self.state.value, state=new.value, reason=reason)
        self.state = new
        self._on_change(new, reason)


def _look(watch: Watch, run: Run, plan: Plan) -> str | None:
    return watch.look(
        time.monotonic(),
        begun=run.begun,
        moved_s=run.moved_at_s,
        fed=None if plan.fed is None else plan.fed(),
        waiting=plan.waiting(),
        cpu_s=run.cpu_s(),
    )


def _not_started(reason: str) -> Ending:
    return Ending("failed", _NOT_STARTED, (reason,), intended=False)
