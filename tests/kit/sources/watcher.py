"""Keeps a source's events and waits for conditions on them."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import numpy as np
import pytest

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.media import SECOND_NS, EncodedFrame, Endpoint, Publication, TrackKind
from orchestrator.sources.create import create
from orchestrator.sources.source import (
    EncodedFrameReceived,
    FrameReceived,
    PublicationAdded,
    PublicationChanged,
    PublicationRemoved,
    Source,
    SourceEvent,
    TimesSettled,
)
from tests.kit.signals.codes import is_flash, luma_of, read_code

E = TypeVar("E")


class Watcher:
    """The events so far; frames are kept as what they show, not as images."""

    def __init__(self) -> None:
        self.events: list[SourceEvent] = []
        self.publications: dict[str, Publication] = {}
        self.times: dict[str, list[int]] = {}
        self.encoded: dict[str, list[EncodedFrame]] = {}
        """Frames as they came, of a source that doesn't decode; their times are `times`."""
        self.codes: list[int | None] = []
        self.sizes: list[tuple[int, int]] = []
        self.flashes: list[int] = []
        self.beeps: list[int] = []
        self.listeners: list[Callable[[FrameReceived], None]] = []
        """Called with each frame of audio."""
        self._loud_ns = 0
        self._lit = False
        self._changed = asyncio.Event()

    def __call__(self, event: SourceEvent) -> None:
        match event:
            case FrameReceived():
                self._frame(event)
            case EncodedFrameReceived(sid, time_ns, frame):
                self._came(sid, time_ns)
                self.encoded.setdefault(sid, []).append(frame)
            case TimesSettled(sid, by_ns):
                self.times[sid] = [at + by_ns for at in self.times[sid]]
                self.flashes = [at + by_ns for at in self.flashes]
                self.events.append(event)
            case PublicationAdded(publication) | PublicationChanged(publication):
                self.publications[publication.sid] = publication
                self.events.append(event)
            case PublicationRemoved(sid):
                del self.publications[sid]
                self.events.append(event)
            case _:
                self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], object], timeout_s: float = 15) -> None:
        """Waits until the condition holds; it is looked at after each event."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            counts = {sid: len(times) for sid, times in self.times.items()}
            pytest.fail(f"it never came about; {counts} frames; {self.events[-8:]}")

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def offsets_ms(self) -> list[float]:
        """How long after each flash its beep was heard."""
        if not self.beeps:
            return []
        return [min((b - flash for b in self.beeps), key=abs) / 1e6 for flash in self.flashes[:-1]]

    def in_a_row(self) -> int:
        """How many of the latest video frames came without a gap; asserts that none came twice."""
        count = 1
        for before, after in itertools.pairwise(self.codes):
            assert before is not None
            assert after is not None
            assert after > before, "a frame came twice or out of order"
            count = count + 1 if after == before + 1 else 1
        return count

    def sid(self, kind: TrackKind) -> str:
        """The publication of this kind."""
        return next(p.sid for p in self.publications.values() if p.kind is kind)

    def _frame(self, event: FrameReceived) -> None:
        self._came(event.sid, event.time_ns)
        if hasattr(event.frame, "samples"):
            self._listen(event)
            for listener in self.listeners:
                listener(event)
        else:
            self._look(event)

    def _came(self, sid: str, time_ns: int) -> None:
        times = self.times.setdefault(sid, [])
        assert not times or time_ns > times[-1], "time went back"
        times.append(time_ns)

    def _look(self, event: FrameReceived) -> None:
        assert not hasattr(event.frame, "samples")
        luma = luma_of(event.frame)
        self.codes.append(read_code(luma))
        self.sizes.append((event.frame.width, event.frame.height))
        lit = is_flash(luma)
        if lit and not self._lit:
            self.flashes.append(event.time_ns)
        self._lit = lit

    def _listen(self, event: FrameReceived) -> None:
        samples = np.asarray(event.frame.to_ndarray()).reshape(-1, 2)[:, 0]
        loud = np.abs(samples.astype(int)) > 4000
        if not loud.any():
            return
        at_ns = event.time_ns + int(np.argmax(loud)) * SECOND_NS // 48_000
        if at_ns - self._loud_ns > SECOND_NS // 2:
            self.beeps.append(at_ns)
        self._loud_ns = event.time_ns


async def never() -> Endpoint:
    raise AssertionError("nothing was lost, so nothing has to be renewed")


@asynccontextmanager
async def watching(
    endpoint: Endpoint,
    *,
    renew: Callable[[], Endpoint] | None = None,
    reconnect_timeout_s: float = 20,
    alone: bool = True,
    encoded: bool = False,
    keyframe_interval_s: float = 4,
    keys: E2eeKeys | None = None,
) -> AsyncIterator[tuple[Source, Watcher]]:
    """An open source with its watcher; afterwards nothing of it may be left running."""
    before = asyncio.all_tasks()
    threads = set(threading.enumerate())
    watcher = Watcher()

    async def renewed() -> Endpoint:
        return renew() if renew is not None else await never()

    source = create(
        endpoint,
        watcher,
        renew=renewed,
        connect_timeout_s=10,
        reconnect_timeout_s=reconnect_timeout_s,
        encoded=encoded,
        keyframe_interval_s=keyframe_interval_s,
        keys=keys,
    )
    try:
        await source.open()
        yield source, watcher
    finally:
        await source.close()
        await source.close()  # again does no harm
    if alone:
        await nothing_left(before, threads)


async def nothing_left(before: set[asyncio.Task[object]], threads: set[threading.Thread]) -> None:
    """No task and no decoder thread beyond those of before."""
    deadline = time.monotonic() + 3
    while True:
        tasks = {t for t in asyncio.all_tasks() - before if "feed" not in repr(t)}
        decoders = {t for t in set(threading.enumerate()) - threads if "decoder" in t.name}
        ours = {t for t in tasks if "aiortc" in repr(t) or "sources" in repr(t)}
        if not decoders and not ours:
            return
        assert time.monotonic() < deadline, (ours, decoders)
        await asyncio.sleep(0.01)
