"""Decoder threads: a few for a whole connection, however many receivers it has.

aiortc starts a thread for each receiver and keeps it as long as the connection; an SFU makes a
receiver for each microphone that ever was there at the same time as the others.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Final, Protocol

import structlog

from orchestrator.logs import Repeated
from orchestrator.media import TrackKind

log = structlog.get_logger(__name__)

MAX_THREADS: Final = {TrackKind.AUDIO: 1, TrackKind.VIDEO: 2}
"""One thread decodes the audio of a hundred; two videos are received while one takes over."""


class Work(Protocol):
    """Something to decode from time to time."""

    def begin_nowait(self) -> bool:
        """Whether there is something to decode now; if so, marks it begun. `changed` is held."""

    def step(self) -> None:
        """Decodes what `begin_nowait` marked."""


class DecoderThreads:
    """The threads for all receivers of one kind; none until there is work."""

    def __init__(self, kind: TrackKind) -> None:
        self.changed = threading.Condition()
        """Held while work is looked at; notified when there may be more."""
        self._kind = kind
        self._work: deque[Work] = deque()
        self._threads: list[threading.Thread] = []
        self._ended = False
        self._failed = Repeated(log.exception)

    def add(self, work: Work) -> None:
        """Adds something to decode from now on."""
        with self.changed:
            self._work.append(work)
            if (
                len(self._threads) < min(MAX_THREADS[self._kind], len(self._work))
                and not self._ended
            ):
                name = f"{self._kind}-decoder-{len(self._threads)}"
                self._threads.append(threading.Thread(target=self._run, name=name, daemon=True))
                self._threads[-1].start()

    async def close(self) -> None:
        """Ends the threads after the frames they are decoding."""
        with self.changed:
            self._ended = True
            self.changed.notify_all()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                work.step()
            except Exception:  # noqa: BLE001  a thread's boundary; others' frames are decoded on
                self._failed("a frame could not be decoded", kind=self._kind.value)

    def _next(self) -> Work | None:
        with self.changed:
            while not self._ended:
                for work in self._work:
                    if work.begin_nowait():
                        self._work.remove(work)  # its next turn is after that of the others
                        self._work.append(work)
                        return work
                self.changed.wait()
        return None
