"""Watches: each watched stream is recorded whenever it is live, until its watch is removed.

A round looks for all watched streams that aren't being recorded. A few are looked up one by one; if
there are many, the list of live streams finds most of them. The watches are rows in the catalog;
why one failed is kept in memory only, and the next server tries again.

If everybody in a live stream is muted, its recording starts at the unmute (`unmute_waiter`).

A stream whose recording somebody stopped, or a limit ended, is held: it isn't recorded again until
it was seen not to be live.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final, Protocol

import structlog

from orchestrator.catalog.models import Recording, Watch
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.watchlist import Watchlist
from orchestrator.errors import (
    AlreadyActive,
    EverybodyMuted,
    HavenError,
    RecordingNotFound,
    StoppedWhileStarting,
    StreamNotFound,
)
from orchestrator.media import Stream
from orchestrator.recordings.encryption.request_secrets import sealed_secrets, unsealed_request
from orchestrator.recordings.limits import is_limit
from orchestrator.recordings.outcome import failure_of
from orchestrator.recordings.start_request import StartedBy, StartRequest
from orchestrator.recordings.states import ACTIVE, RecordingState
from orchestrator.server.retry_delay import RetryDelay
from orchestrator.server.throttle import AT_ONCE
from orchestrator.server.watches.muted_streams import MutedStreams, Unmute
from orchestrator.server.watches.search import Search

log = structlog.get_logger(__name__)

MOST_WATCHES: Final = 200
MOST_ASKED: Final = 10
"""Streams looked up one by one in a round; with more, the list of live streams is fetched first."""

MOST_LISTED: Final = 1000

Start = Callable[[StartRequest], Awaitable[Recording]]


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """What is known of a watched stream."""

    watch: Watch
    recording: Recording | None
    """The active one, whoever started it."""
    looked_at: datetime | None
    error: HavenError | None
    """Why the last look-up or start failed; None while it is recorded."""
    next_try_at: datetime | None
    muted: bool = False
    """It is live and everybody in it is muted; its recording starts at the unmute."""


class Streams(Protocol):
    """What is needed of discovery.directory.Directory."""

    async def find(self, id: str, /) -> Stream: ...
    async def live(self, limit: int, /) -> list[Stream]: ...
    async def unwatched(self, id: str, /) -> None: ...


class Watches:
    """Looks for the watched streams every `period_s` seconds, from `open` to `close`."""

    def __init__(
        self,
        catalog: Catalog,
        directory: Streams,
        start: Start,
        check: Callable[[StartRequest], Awaitable[object]],
        period_s: float,
        *,
        unmute: Unmute,
    ) -> None:
        self._catalog, self._directory = catalog, directory
        self._start, self._check, self._period_s = start, check, period_s
        self._watchlist = Watchlist(catalog, MOST_WATCHES)
        self._searches: dict[str, Search] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._now = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._muted = MutedStreams(unmute)

    def open(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop; active recordings go on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._muted.close()

    async def add(self, request: StartRequest) -> WatchStatus:
        """Watch a stream, or change the options of its watch.

        Raises InvalidRequest and InvalidOutputDirectory as /start does, and TooManyWatches.
        """
        await self._check(request)
        more = {"started_by": StartedBy.WATCH.value, **await sealed_secrets(self._catalog, request)}
        watch = Watch(
            stream_id=request.stream_id,
            request=request.as_dict() | more,
            created_at=datetime.now(UTC),
            held=False,
            recording_id=None,
        )
        await self._watchlist.put(watch)
        self._searches.pop(request.stream_id, None)
        self._now.set()
        return self._status(watch, await self._catalog.active_of(request.stream_id))

    async def remove(self, stream_id: str) -> None:
        """Remove a watch; an active recording goes on. Raises NotWatched."""
        await self._watchlist.remove(stream_id)
        self._searches.pop(stream_id, None)
        self._muted.forget(stream_id)
        await self._directory.unwatched(stream_id)

    async def all(self) -> list[WatchStatus]:
        """The status of each watch, the oldest first."""
        running = {recording.stream_id: recording for recording in await self._catalog.active()}
        return [
            self._status(one, running.get(one.stream_id)) for one in await self._watchlist.all()
        ]

    def look(self, stream_id: str | None = None) -> None:
        """Look now: something may be live that wasn't, this stream even if it failed before."""
        if stream_id is not None and (search := self._searches.get(stream_id)) is not None:
            search.retry_at_s = 0.0
        self._now.set()

    async def hold(self, stream_id: str) -> None:
        """Don't record the stream again until it was seen not to be live."""
        await self._watchlist.update(stream_id, held=True)
        self._muted.forget(stream_id)
        await self._directory.unwatched(stream_id)

    def _status(self, watch: Watch, recording: Recording | None) -> WatchStatus:
        search = self._search_of(watch)
        if recording is not None:
            return WatchStatus(watch, recording, search.looked_at, None, None)
        muted = watch.stream_id in self._muted.waiting
        return WatchStatus(watch, None, search.looked_at, search.error, search.retry_at(), muted)

    def _search_of(self, watch: Watch) -> Search:
        return self._searches.setdefault(watch.stream_id, Search(RetryDelay(self._period_s)))

    # -- rounds

    async def _run(self) -> None:
        while True:
            self._now.clear()
            try:
                await self.round()
            except Exception:  # a task's boundary: whatever it was, the next round tries again
                log.exception("looking for watched streams failed; the next round tries again")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._period_s):
                    await self._now.wait()

    async def round(self) -> None:
        """Looks once for each stream that is due, and records those that are live."""
        watches = await self._watchlist.all()
        running = {recording.stream_id for recording in await self._catalog.active()}
        self._searches = {w.stream_id: self._search_of(w) for w in watches}
        now = time.monotonic()
        for stream_id in running:
            self._muted.forget(stream_id)
        busy = running | self._muted.waiting
        due = [
            w for w in watches if w.stream_id not in busy and self._search_of(w).retry_at_s <= now
        ]
        listed = await self._listed(due) if len(due) > MOST_ASKED else set[str]()
        unlisted = [watch for watch in due if watch.stream_id not in listed]
        answers = await asyncio.gather(*(self._live_id(w) for w in self._to_ask(unlisted)))
        live = [watch for watch in due if watch.stream_id in listed | set(answers)]
        await asyncio.gather(*(self._record(watch) for watch in live if not watch.held))

    async def _listed(self, due: Sequence[Watch]) -> set[str]:
        """The ids of live streams; empty when no directory has a list."""
        try:
            listed = await self._directory.live(MOST_LISTED)
            live = {stream.id for stream in listed if stream.is_currently_live}
        except HavenError as error:
            log.warning(
                "can't list live streams; asking for watched streams one by one",
                error=error.error,
            )
            return set()
        for watch in due:
            if watch.stream_id in live:
                self._search_of(watch).looked_at = datetime.now(UTC)
        return live

    def _to_ask(self, watches: Sequence[Watch]) -> list[Watch]:
        """Those to look up in this round: held ones first, then those not asked for longest."""
        never = datetime.min.replace(tzinfo=UTC)

        def rank(watch: Watch) -> tuple[bool, datetime]:
            return not watch.held, self._search_of(watch).looked_at or never

        return sorted(watches, key=rank)[:MOST_ASKED]

    async def _live_id(self, watch: Watch) -> str | None:
        """The stream's id if it is live; notes what was found out about it."""
        search = self._search_of(watch)
        search.looked_at = datetime.now(UTC)
        try:
            await self._directory.find(watch.stream_id)
        except StreamNotFound:
            self._searches[watch.stream_id] = Search(RetryDelay(self._period_s), search.looked_at)
            if watch.held:
                await self._watchlist.update(watch.stream_id, held=False)
        except HavenError as error:
            search.failed(error)
        else:
            return watch.stream_id
        return None

    async def _record(self, seen: Watch) -> None:
        async with self._places:
            watch = await self._watchlist.get(seen.stream_id)
            if watch is None or watch.held or not await self._may_record(watch):
                return
            keys = None
            try:
                request = await unsealed_request(self._catalog, watch.request)
                keys = request.e2ee
                recording = await self._start(request)
            except (AlreadyActive, StoppedWhileStarting):
                return
            except StreamNotFound:
                self._search_of(watch).absent()
                return
            except EverybodyMuted:
                search = self._search_of(watch)
                search.error = None
                begin = partial(self._record, watch)
                self._muted.wait(watch.stream_id, keys, begin, search.failed)
                return
            except HavenError as error:
                log.warning("live stream not recorded", stream=watch.stream_id, error=error.error)
                self._search_of(watch).failed(error)
                return
            self._search_of(watch).error = None
            await self._watchlist.update(watch.stream_id, recording_id=recording.id)

    async def _may_record(self, watch: Watch) -> bool:
        """Whether the outcome of its last recording, which is looked at once, allows another."""
        if watch.recording_id is None:
            return True
        try:
            last = await self._catalog.get(watch.recording_id)
        except RecordingNotFound:
            last = None
        if last is not None and last.state in ACTIVE:
            return False
        await self._watchlist.update(watch.stream_id, recording_id=None)
        if last is None:
            return True
        if is_limit(last.reason):
            await self.hold(watch.stream_id)
        elif last.state == RecordingState.FAILED:
            self._search_of(watch).failed(failure_of(last))
        else:
            return True
        return False
