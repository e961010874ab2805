"""Streams that are waited for: each is recorded whenever it is live, until its watch is cancelled.

A round looks for all that aren't being recorded. A few are asked for one by one; of many, one
question for the list of what is live finds most. The watches and what must not be forgotten of them
stand in the catalog; a reason why one failed is kept in memory, and tried again by the next server.

A stream that somebody stopped, or that a limit ended, is held: not recorded again before it was
seen not to be live.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog

from orchestrator.catalog.models import Recording, Watch
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.watchlist import Watchlist
from orchestrator.errors import AlreadyActive, HavenError, RecordingNotFound, StreamNotFound
from orchestrator.media import Stream
from orchestrator.recordings.bounds import is_limit
from orchestrator.recordings.patience import Patience
from orchestrator.recordings.request import StartedBy, StartRequest
from orchestrator.recordings.states import ACTIVE, RecordingState
from orchestrator.recordings.turns import AT_ONCE
from orchestrator.recordings.waiting import failure

log = structlog.get_logger(__name__)

MOST_WATCHES: Final = 200
MOST_ASKED: Final = 10
"""Streams asked for one by one in a round; with more of them the list of all is asked for first."""

MOST_LISTED: Final = 1000

Start = Callable[[StartRequest], Awaitable[Recording]]


@dataclass(slots=True)
class _Luck:
    """How the search for one stream went, since this server began."""

    patience: Patience
    looked_at: datetime | None = None
    error: HavenError | None = None
    again_s: float = 0.0
    """When it is tried again, on the monotonic clock."""

    def failed(self, error: HavenError) -> None:
        """It is tried again later, and the more failures, the later."""
        self.error = error
        self.again_s = time.monotonic() + self.patience.failed(error)

    def again_at(self) -> datetime | None:
        """The same for people; None when nothing failed."""
        if self.error is None:
            return None
        return datetime.now(UTC) + timedelta(seconds=max(0.0, self.again_s - time.monotonic()))


@dataclass(frozen=True, slots=True)
class Outlook:
    """How it stands with a stream that is waited for."""

    watch: Watch
    recording: Recording | None
    """The one that runs, whoever started it."""
    looked_at: datetime | None
    error: HavenError | None
    """Why it couldn't be looked for or recorded the last time."""
    next_try_at: datetime | None


class Streams(Protocol):
    """What is needed of discovery.directory.Directory."""

    async def find(self, id: str, /) -> Stream: ...
    async def live(self, limit: int, /) -> list[Stream]: ...


class Watches:
    """Looks every `period_s` seconds, from `open` to `close`."""

    def __init__(
        self,
        catalog: Catalog,
        directory: Streams,
        start: Start,
        check: Callable[[StartRequest], Awaitable[object]],
        period_s: float,
    ) -> None:
        self._catalog, self._directory = catalog, directory
        self._start, self._check, self._period_s = start, check, period_s
        self._list = Watchlist(catalog, MOST_WATCHES)
        self._luck: dict[str, _Luck] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._now = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to look."""
        self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Stop looking; what is being recorded goes on."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    # -- what is asked

    async def add(self, request: StartRequest) -> Outlook:
        """Wait for a stream; with other options if it is waited for already.

        InvalidRequest and InvalidOutputDirectory at once, as /start has them; TooManyWatches.
        """
        await self._check(request)
        watch = Watch(
            mint_id=request.mint_id,
            request=request.as_dict() | {"started_by": StartedBy.WATCH.value},
            created_at=datetime.now(UTC),
            held=False,
            recording_id=None,
        )
        await self._list.put(watch)
        self._luck.pop(request.mint_id, None)
        self._now.set()
        return self._outlook(watch, await self._catalog.active_of(request.mint_id))

    async def remove(self, mint_id: str) -> None:
        """Wait no longer; a recording that runs goes on. NotWatched."""
        await self._list.remove(mint_id)
        self._luck.pop(mint_id, None)

    async def all(self) -> list[Outlook]:
        """How each stands, the oldest first."""
        running = {recording.mint_id: recording for recording in await self._catalog.active()}
        return [self._outlook(one, running.get(one.mint_id)) for one in await self._list.all()]

    async def hold(self, mint_id: str) -> None:
        """Not again while it is live now: somebody stopped it."""
        await self._list.update(mint_id, held=True)

    def _outlook(self, watch: Watch, recording: Recording | None) -> Outlook:
        luck = self._luck_of(watch)
        return Outlook(watch, recording, luck.looked_at, luck.error, luck.again_at())

    def _luck_of(self, watch: Watch) -> _Luck:
        return self._luck.setdefault(watch.mint_id, _Luck(Patience(self._period_s)))

    # -- rounds

    async def _look(self) -> None:
        while True:
            self._now.clear()
            try:
                await self.round()
            except Exception:  # a task's boundary: whatever it was, look again in a moment
                log.exception("can't look for the streams that are waited for")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._period_s):
                    await self._now.wait()

    async def round(self) -> None:
        """Looks once for each stream that is due, and begins what is live."""
        watches = await self._list.all()
        running = {recording.mint_id for recording in await self._catalog.active()}
        self._luck = {w.mint_id: self._luck_of(w) for w in watches}
        now = time.monotonic()
        due = [w for w in watches if w.mint_id not in running and self._luck_of(w).again_s <= now]
        listed = await self._listed(due) if len(due) > MOST_ASKED else set[str]()
        others = [watch for watch in due if watch.mint_id not in listed]
        found = await asyncio.gather(*(self._is_live(one) for one in self._chosen(others)))
        live = [one for one in due if one.mint_id in listed | set(found)]
        await asyncio.gather(*(self._begin(one) for one in live if not one.held))

    async def _listed(self, due: Sequence[Watch]) -> set[str]:
        """The ids of what is live; nothing when no list can be had: then some are asked for."""
        try:
            live = {stream.id for stream in await self._directory.live(MOST_LISTED)}
        except HavenError as error:
            log.warning("no list of what is live", error=error.error)
            return set()
        for watch in due:
            if watch.mint_id in live:
                self._luck_of(watch).looked_at = datetime.now(UTC)
        return live

    def _chosen(self, watches: Sequence[Watch]) -> list[Watch]:
        """Those that are asked for in this round: held ones first, then the longest not asked."""
        never = datetime.min.replace(tzinfo=UTC)

        def rank(watch: Watch) -> tuple[bool, datetime]:
            return not watch.held, self._luck_of(watch).looked_at or never

        return sorted(watches, key=rank)[:MOST_ASKED]

    async def _is_live(self, watch: Watch) -> str | None:
        """Its id if it is live; what is known of it is renewed."""
        luck = self._luck_of(watch)
        luck.looked_at = datetime.now(UTC)
        try:
            await self._directory.find(watch.mint_id)
        except StreamNotFound:
            self._luck[watch.mint_id] = _Luck(Patience(self._period_s), luck.looked_at)
            if watch.held:
                await self._list.update(watch.mint_id, held=False)
        except HavenError as error:
            luck.failed(error)
        else:
            return watch.mint_id
        return None

    async def _begin(self, seen: Watch) -> None:
        async with self._places:
            watch = await self._list.get(seen.mint_id)
            if watch is None or watch.held or not await self._may_begin(watch):
                return
            try:
                recording = await self._start(StartRequest.from_dict(watch.request))
            except AlreadyActive:
                return
            except HavenError as error:
                log.warning("a stream that is live isn't recorded", error=error.error)
                self._luck_of(watch).failed(error)
                return
            self._luck_of(watch).error = None
            await self._list.update(watch.mint_id, recording_id=recording.id)

    async def _may_begin(self, watch: Watch) -> bool:
        """Whether the end of its last recording, which is looked at once, allows another now."""
        if watch.recording_id is None:
            return True
        try:
            last = await self._catalog.get(watch.recording_id)
        except RecordingNotFound:
            last = None
        if last is not None and last.state in ACTIVE:
            return False
        await self._list.update(watch.mint_id, recording_id=None)
        if last is None:
            return True
        if is_limit(last.reason):
            await self.hold(watch.mint_id)
        elif last.state == RecordingState.FAILED:
            self._luck_of(watch).failed(failure(last))
        else:
            return True
        return False
