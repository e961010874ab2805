"""The life of one recording on the terminal: start, watch, stop by signal, end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Protocol

from orchestrator.catalog.models import Recording
from orchestrator.cli.progress import Screen, line
from orchestrator.errors import (
    HavenError,
    SourceError,
    StoppedWhileStarting,
    StreamNotFound,
    restore,
)
from orchestrator.recordings.patience import Patience
from orchestrator.recordings.request import StartRequest
from orchestrator.recordings.states import FINAL, RecordingState

TICK_S: Final = 0.5
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Recorder(Protocol):
    """What is needed of recordings.manager.Manager."""

    async def start(self, request: StartRequest) -> Recording: ...
    async def stop(self, mint_id: str) -> Recording: ...
    async def get(self, id: str) -> Recording: ...


class Session:
    """Runs one recording to its end; raises a HavenError when there is no good file at the end."""

    def __init__(
        self, manager: Recorder, request: StartRequest, wait_s: float | None = None
    ) -> None:
        """With `wait_s` the stream need not be live yet: so often it is looked for."""
        self._manager = manager
        self._request = request
        self._wait_s = wait_s
        self._stop = asyncio.Event()
        self._screen = Screen()

    async def run(self) -> Recording:
        """Returns the completed recording. A second Ctrl-C leaves (CancelledError)."""
        with self._signals(), self._screen:
            recording = await self._begin()
            try:
                recording = await self._watch(recording)
            finally:
                if RecordingState(recording.state) not in FINAL:
                    recording = await self._finish()
        return _completed(recording)

    async def _begin(self) -> Recording:
        if self._wait_s is None:
            return await self._start()
        patience, told = Patience(self._wait_s), ""
        while not self._stop.is_set():
            try:
                return await self._start()
            except StreamNotFound as error:
                patience, pause_s, why = Patience(self._wait_s), self._wait_s, error.error
            except SourceError as error:
                pause_s, why = patience.failed(error), error.error
            if why != told:
                self._screen.note(f"{why} Waiting ... (Ctrl-C ends it)")
            told = why
            await self._pause(pause_s)
        raise StoppedWhileStarting(
            f"Stopped while waiting for {self._request.mint_id}.", "Nothing was recorded."
        )

    async def _start(self) -> Recording:
        self._screen.show(f"Connecting to {self._request.mint_id} ...")
        starting = asyncio.ensure_future(self._manager.start(self._request))
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                await self._give_up(starting)
            return await starting
        finally:
            stopping.cancel()
            starting.cancel()

    async def _give_up(self, starting: asyncio.Future[Recording]) -> None:
        """Stops what is starting; the reason then comes from start() itself, which is bounded."""
        self._screen.note("Stopping before the first frame ...")
        while not starting.done():
            # NothingToStop: it isn't in the catalog yet, so look again in a moment.
            with suppress(HavenError):
                await self._manager.stop(self._request.mint_id)
            await asyncio.wait({starting}, timeout=TICK_S)

    async def _watch(self, recording: Recording) -> Recording:
        """Shows it until it has ended (a limit ends it too), or has to."""
        while RecordingState(recording.state) not in FINAL and not self._stop.is_set():
            self._screen.show(line(recording))
            await self._pause(TICK_S)
            recording = await self._manager.get(recording.id)
        return recording

    async def _finish(self) -> Recording:
        self._screen.note("Finishing the file ... (Ctrl-C once more leaves it to its own process)")
        return await self._manager.stop(self._request.mint_id)

    async def _pause(self, seconds: float) -> None:
        """Waits for the next look; less when a signal comes first."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            if self._stop.is_set() and task is not None:
                task.cancel()
            self._stop.set()

        for number in SIGNALS:
            loop.add_signal_handler(number, stop)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)


def _completed(recording: Recording) -> Recording:
    if recording.state == RecordingState.COMPLETED:
        return recording
    raise restore(
        recording.error_code or HavenError.code,
        recording.error or f"The recording of {recording.mint_id} failed.",
        recording.detail or f"`orchestrator recordings show {recording.id}` tells its story.",
    )
