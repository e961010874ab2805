"""One recording of `orchestrator record`: start, progress, stop by signal, end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Protocol

from orchestrator.catalog.models import Recording
from orchestrator.cli.keys import keys
from orchestrator.cli.progress import Screen, line
from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import (
    EverybodyMuted,
    HavenError,
    SourceError,
    StoppedWhileStarting,
    StreamNotFound,
    restore,
)
from orchestrator.recordings.notes import notes_of
from orchestrator.recordings.start_request import StartRequest
from orchestrator.recordings.states import FINAL, RecordingState
from orchestrator.server.retry_delay import RetryDelay

TICK_S: Final = 0.5
PAUSE_KEY: Final = "p"
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Recorder(Protocol):
    """The part of server.manager.Manager that is used."""

    async def start(self, request: StartRequest) -> Recording: ...
    async def stop(self, stream_id: str, *, timeout_s: float | None = ...) -> Recording: ...
    async def pause(self, stream_id: str, *, still: bool = ...) -> Recording: ...
    async def resume(self, stream_id: str) -> Recording: ...
    async def get(self, id: str) -> Recording: ...
    async def until_unmuted(self, stream_id: str, e2ee: E2eeKeys | None) -> None: ...


class TerminalRecording:
    """Runs one recording to its end; raises a HavenError if it yields no complete file."""

    def __init__(
        self, manager: Recorder, request: StartRequest, wait_s: float | None = None
    ) -> None:
        """With `wait_s` the stream need not be live yet: it is looked up that often, in seconds."""
        self._manager = manager
        self._request = request
        self._wait_s = wait_s
        self._stop = asyncio.Event()
        self._toggle = asyncio.Event()
        """Set by the key that pauses and resumes."""
        self._screen = Screen()

    async def run(self) -> Recording:
        """Returns the completed recording. A second Ctrl-C leaves (CancelledError).

        SIGHUP (the terminal is gone) ends it as SIGTERM does; where it is ignored, as `nohup` has
        it, the recording goes on.
        """
        with self._signals(), self._screen:
            recording = await self._begin()
            for note in notes_of(recording):
                self._screen.note(note)
            try:
                with keys({PAUSE_KEY: self._toggle.set}):
                    recording = await self._watch(recording)
            finally:
                if RecordingState(recording.state) not in FINAL:
                    recording = await self._finish()
        return _completed(recording)

    async def _begin(self) -> Recording:
        if self._wait_s is None:
            return await self._start()
        delay, shown = RetryDelay(self._wait_s), ""
        while not self._stop.is_set():
            try:
                return await self._start()
            except StreamNotFound as error:
                delay, pause_s, reason = RetryDelay(self._wait_s), self._wait_s, error.error
            except EverybodyMuted as error:
                self._screen.note(f"{error.error} Waiting for the unmute ... (Ctrl-C to stop)")
                delay, pause_s, reason = RetryDelay(self._wait_s), 0.0, shown
                await self._unmuted()
            except SourceError as error:
                pause_s, reason = delay.failed(error), error.error
            if reason != shown:
                self._screen.note(f"{reason} Waiting ... (Ctrl-C to stop)")
            shown = reason
            await self._pause(pause_s)
        raise StoppedWhileStarting(
            f"Stopped while waiting for {self._request.stream_id}.", "Nothing was recorded."
        )

    async def _unmuted(self) -> None:
        """Returns at the unmute or a signal; after an error the start is retried later."""
        waiting = asyncio.ensure_future(
            self._manager.until_unmuted(self._request.stream_id, self._request.e2ee)
        )
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done() and (problem := waiting.exception()) is not None:
                self._screen.note(str(problem))
                await self._pause(self._wait_s or 0.0)
        finally:
            for task in (waiting, stopping):
                task.cancel()
            await asyncio.gather(waiting, stopping, return_exceptions=True)

    async def _start(self) -> Recording:
        self._screen.show(f"Connecting to {self._request.stream_id} ...")
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
        """Stops the recording that is starting; start() itself then raises the reason."""
        self._screen.note("Stopping before the first frame ...")
        while not starting.done():
            # NothingToStop: it isn't in the catalog yet; try again in a moment.
            with suppress(HavenError):
                await self._manager.stop(self._request.stream_id)
            await asyncio.wait({starting}, timeout=TICK_S)

    async def _watch(self, recording: Recording) -> Recording:
        """Shows progress until the recording has ended (a limit may end it), or a signal came."""
        while RecordingState(recording.state) not in FINAL and not self._stop.is_set():
            self._screen.show(line(recording))
            await self._pause(TICK_S)
            recording = await self._manager.get(recording.id)
            if self._toggle.is_set():
                self._toggle.clear()
                recording = await self._toggled(recording)
        return recording

    async def _toggled(self, recording: Recording) -> Recording:
        """Paused, or recording again; one that can't be now goes on as it is."""
        stream_id, pauses = self._request.stream_id, recording.pause is None
        try:
            if pauses:
                recording = await self._manager.pause(stream_id)
            else:
                recording = await self._manager.resume(stream_id)
        except HavenError as error:
            self._screen.note(str(error))
            return recording
        self._screen.note(f"Paused; {PAUSE_KEY} resumes." if pauses else "Resumed.")
        return recording

    async def _finish(self) -> Recording:
        self._screen.note("Finishing the file ... (Ctrl-C again leaves that to the worker process)")
        return await self._manager.stop(self._request.stream_id, timeout_s=None)

    async def _pause(self, seconds: float) -> None:
        """Sleeps for so many seconds, or until a signal or a key."""
        waits = [asyncio.ensure_future(each.wait()) for each in (self._stop, self._toggle)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop(number: signal.Signals) -> None:
            # A terminal that closes sends SIGHUP more than once: the shell does, and the kernel.
            if self._stop.is_set() and number != signal.SIGHUP and task is not None:
                task.cancel()
            self._stop.set()

        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        taken = [number for number in SIGNALS if number != signal.SIGHUP or not ignored]
        for number in taken:
            loop.add_signal_handler(number, stop, number)
        try:
            yield
        finally:
            for number in taken:
                loop.remove_signal_handler(number)


def _completed(recording: Recording) -> Recording:
    if recording.state == RecordingState.COMPLETED:
        return recording
    raise restore(
        recording.error_code or HavenError.code,
        recording.error or f"The recording of {recording.stream_id} failed.",
        recording.detail or f"`orchestrator recordings show {recording.id}` shows its event log.",
    )
