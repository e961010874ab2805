"""Keeps one run going: one that fails is followed by the next, in a new file.

A run is one of ffmpeg, or of a thread that writes a file itself (prepared_run.SupervisedRun).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import structlog

from orchestrator.encoding.process.backoff import Backoff
from orchestrator.encoding.process.disk_full import wait_for_space
from orchestrator.encoding.process.prepared_run import PreparedRun, SupervisedRun
from orchestrator.encoding.process.run_result import RunResult, error_lines
from orchestrator.encoding.process.stall import StallDetector
from orchestrator.encoding.process.states import ProcessState, may_follow
from orchestrator.errors import EncodingFailed, HavenError
from orchestrator.stop_policy import STOP, StopPolicy

log = structlog.get_logger(__name__)

_TAIL: Final = 20
"""Last lines of stderr in an error."""

_BRIEF_S: Final = 2.0
"""A run that ends by itself sooner has failed, whatever its exit code."""

_POLL_S: Final = 0.5

_NOT_STARTED: Final = 127
"""Exit code where there was no process (a shell's code for "not found")."""

_S = ProcessState


class Supervisor:
    """`run` until `stop`. `on_change` gets every change of state with its reason."""

    def __init__(
        self,
        begin: Callable[[int], Awaitable[PreparedRun]],
        on_change: Callable[[ProcessState, str], None],
        on_ended: Callable[[int, RunResult], None],
        *,
        max_restarts: int,
        start_timeout_s: float = 15.0,
        stall_s: float = 4.0,
        has_headroom: Callable[[], bool] = lambda: True,
        backoff: Backoff | None = None,
        policy: StopPolicy = STOP,
    ) -> None:
        self.state = _S.STOPPED
        self.current: SupervisedRun | None = None
        self.restarts = 0
        """Runs started because the previous one had failed or ended by itself."""
        self._begin, self._on_change, self._on_ended = begin, on_change, on_ended
        self._backoff = backoff or Backoff(max_restarts)
        self._start_timeout_s = start_timeout_s
        self._stall_s = stall_s
        self._has_headroom = has_headroom
        """Whether the disk can be written to again; blocking."""
        self._policy, self._stop_by_s = policy, math.inf
        self._ran_s = 0.0
        self._running_since_s = 0.0
        self._stop_wanted = asyncio.Event()
        self._split_wanted = asyncio.Event()
        self._draining: set[asyncio.Task[None]] = set()
        """Runs that finish their file after a split: at most one."""
        self._waiting: Callable[[], bool] = lambda: False
        self._last_chance_taken = self._unasked = False
        self._finished = asyncio.Event()
        self._entered = False
        self._last: RunResult | None = None

    async def run(self) -> None:
        """Until `stop`, or EncodingFailed (context: stderr) when ffmpeg failed too often.

        NotEnoughDisk when the disk was full and stayed so. A HavenError of `begin` ends it, too. If
        cancelled, it stops the run as `stop` does.
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

    async def stop(self) -> RunResult | None:
        """Stops the run and waits until `run` returns; the last run's result, None without a run.

        Takes no longer than `policy.ffmpeg_s` for all runs. A second call waits for the first.
        """
        if not self._stop_wanted.is_set():
            self._stop_by_s = time.monotonic() + self._policy.ffmpeg_s
            self._stop_wanted.set()
        if self._entered:
            await self._finished.wait()
        return self._last

    def split(self) -> None:
        """Continues soon in a new run, which begins exactly where the present one ends.

        The previous run finishes its file meanwhile.
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

    def _in_time(self) -> StopPolicy:
        """A last run has what the one before it left of the time."""
        return self._policy.ffmpeg_within(self._stop_by_s - time.monotonic())

    def _last_chance(self) -> bool:
        """Whether a last run has to write what waits: once, if no run was there at the stop."""
        if self._last_chance_taken or not self._waiting():
            return False
        self._last_chance_taken = True
        return True

    async def _segment(self, number: int) -> None:
        self._ran_s = 0.0
        self._split_wanted.clear()
        result = await self._prepare_and_attend(number)
        if result is None:
            self._change(_S.EXITED, "goes on in a new segment")
            return
        self._last = result
        self._on_ended(number, result)
        if self._stop_wanted.is_set():
            if self.state is not _S.STOPPING:
                self._change(_S.STOPPING, result.reason)
            self._change(_S.STOPPED, result.reason)
            return
        await self._after(result)

    async def _prepare_and_attend(self, number: int) -> RunResult | None:
        """One run, prepared and attended to its end. An OSError of `begin` counts as a failed run.

        None after a split: it ends in the background.
        """
        try:
            prepared = await self._begin(number)
        except OSError as error:
            return _not_started(f"segment {number} can't be prepared: {error}")
        self._waiting = prepared.waiting
        try:
            result = await self._one(number, prepared)
        except OSError as error:
            result = _not_started(f"{prepared.run.name} can't be started: {error}")
        if result is not None:
            await prepared.ended(result)
        return result

    async def _one(self, number: int, prepared: PreparedRun) -> RunResult | None:
        run = prepared.run
        await run.start()
        self.current = run
        kept = False
        try:
            result = await self._attend(run, prepared)
            if kept := result is None:
                self._draining.add(asyncio.create_task(self._drain(number, run, prepared)))
            return result
        finally:
            self.current = None
            if run.alive and not kept:
                await run.kill()

    async def _drain(self, number: int, run: SupervisedRun, prepared: PreparedRun) -> None:
        """Lets a run finish its file whose input has ended; the next one runs already."""
        try:
            result = await run.stop(prepared.end_input, self._in_time())
        except HavenError as error:
            log.error("could not stop the run before the split", pid=run.pid, error=error.error)
            result = _not_started(error.error)
        await prepared.ended(result)
        self._on_ended(number, result)
        self._draining.clear()

    async def _attend(self, run: SupervisedRun, prepared: PreparedRun) -> RunResult | None:
        """Waits until the run has ended: by itself, by `stop`, or killed because it stalled.

        None when its input was ended for a split.
        """
        detector = StallDetector(run.started_at_s, self._start_timeout_s, self._stall_s)
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
                    self._change(_S.STOPPING, "stop requested")
                    return await run.stop(prepared.end_input, self._in_time())
                if events["split"].done() and await self._cut(prepared):
                    return None
                if reason := _check(detector, run, prepared):
                    log.warning("killing it", run=run.name, pid=run.pid, reason=reason)
                    return replace(await run.kill(), stderr=(*run.stderr_tail(), reason))
            return await run.wait()
        finally:
            for task in events.values():
                task.cancel()

    async def _wait(self, events: dict[str, asyncio.Task[Any]]) -> None:
        open_still = [task for task in events.values() if not task.done()]
        await asyncio.wait(open_still, timeout=_POLL_S, return_when=asyncio.FIRST_COMPLETED)
        if events["begun"].done() and self.state is _S.STARTING:
            self._running_since_s = time.monotonic()
            self._change(_S.RUNNING, "first frame written")
        if self.state is _S.RUNNING:
            self._ran_s = max(time.monotonic() - self._running_since_s, 1e-3)

    async def _cut(self, prepared: PreparedRun) -> bool:
        """Whether the input was ended for a split; if not, the next poll tries again."""
        if prepared.cut is None or self.state is not _S.RUNNING or self._draining:
            return False
        return await asyncio.to_thread(prepared.cut)

    async def _after(self, result: RunResult) -> None:
        """What follows a run that ended by itself."""
        self._unasked = True
        if result.outcome == "finished" and self._ran_s >= _BRIEF_S:
            self._change(_S.EXITED, result.reason)
            return
        if result.disk_full_cause is not None:
            await wait_for_space(result.disk_full_cause, self._has_headroom, self._stop_wanted)
        delay_s = self._backoff.failed(time.monotonic(), ran_s=self._ran_s)
        if delay_s is None:
            raise EncodingFailed(
                f"{result.program} failed repeatedly; last failure: {result.reason}.",
                result.advice,
                stderr=list(error_lines(result.stderr)[-_TAIL:]),
            )
        if delay_s == 0:
            self._change(_S.EXITED, result.reason)
            return
        self._change(_S.BACKOFF, f"{result.reason}; retry in {delay_s:.1f} s")
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


def _check(detector: StallDetector, run: SupervisedRun, prepared: PreparedRun) -> str | None:
    return detector.check(
        time.monotonic(),
        begun=run.begun,
        moved_s=run.moved_at_s,
        fed=None if prepared.fed is None else prepared.fed(),
        waiting=prepared.waiting(),
        starved=prepared.starved(),
        cpu_s=run.cpu_s(),
    )


def _not_started(reason: str) -> RunResult:
    return RunResult("failed", _NOT_STARTED, (reason,), intended=False)
