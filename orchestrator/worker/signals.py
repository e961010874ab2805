"""The signals of a worker, for the recordings that run in it: one, unless it holds a publisher."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orchestrator.recordings.states import STOPPED_BY_SIGNAL
from orchestrator.worker.recorder import Recorder


class RunningRecorders:
    """Those of this process."""

    def __init__(self, on_stop: Callable[[], None] | None = None) -> None:
        """`on_stop` is called as well when the process is told to end."""
        self._running: list[Recorder] = []
        self._on_stop = on_stop

    def obey_signals(self) -> None:
        """SIGUSR1: look at what is wanted. SIGTERM, SIGINT: finish the files."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._wake)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})  # the launcher blocked it
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)

    @contextmanager
    def running(self, recorder: Recorder) -> Iterator[None]:
        """While it is one of them."""
        self._running.append(recorder)
        try:
            yield
        finally:
            self._running.remove(recorder)

    def _wake(self) -> None:
        for recorder in self._running:
            recorder.wake()

    def _stop(self) -> None:
        for recorder in self._running:
            recorder.stop(STOPPED_BY_SIGNAL)
        if self._on_stop is not None:
            self._on_stop()
