"""A source that reconnects: one session after another, with back-off and a time limit.

A `Session` is one connection, LiveKit's or WHEP's. When it ends for a reason that passes, the next
one is started with a renewed endpoint.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import HavenError, NotFound, NotLive, SourceError, SourceRefused
from orchestrator.media import MAX_FRAME_PIXELS, Endpoint
from orchestrator.sources.connected_source import ConnectedSource, Connection
from orchestrator.sources.e2ee.room_keys import RoomKeys
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.source import (
    ConnectionLost,
    ConnectionRestored,
    OnEvent,
    Renew,
)
from orchestrator.token_claims import has_expired

FIRST_PAUSE_S: Final = 0.3
LONGEST_PAUSE_S: Final = 2.0
STEADY_S: Final = 10.0
"""A connection that breaks sooner than this after it was made counts as the same outage."""


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """Why a session ended, and whether another may be tried."""

    reason: str
    again: bool
    error: SourceError | None = None


class Session(Connection, Protocol):
    """One connection to the stream."""

    async def start(self) -> None:
        """Connects; raises SourceError."""

    async def wait_until_ended(self) -> SessionEnd: ...

    async def wait_until_media(self) -> None:
        """Returns when media can flow."""

    async def subscribe(self, sids: frozenset[str]) -> None: ...

    async def close(self) -> None: ...

    def last_endpoint(self) -> Endpoint | None:
        """The endpoint with the token as the server last renewed it."""


class ReconnectingSource(ConnectedSource[Session]):
    """A Source (see `source`) over sessions that `begin` creates."""

    def __init__(
        self,
        endpoint: Endpoint,
        on_event: OnEvent,
        *,
        begin: Callable[[Endpoint, Receiver], Session],
        renew: Renew,
        connect_timeout_s: float,
        reconnect_timeout_s: float,
        max_frame_pixels: int = MAX_FRAME_PIXELS,
        keyframe_interval_s: float | None = None,
        keys: E2eeKeys | None = None,
    ) -> None:
        super().__init__(Receiver(on_event, max_frame_pixels, keyframe_interval_s, RoomKeys(keys)))
        self._endpoint = endpoint
        self._begin = begin
        self._renew = renew
        self._connect_timeout_s = connect_timeout_s
        self._reconnect_timeout_s = reconnect_timeout_s

    async def open(self) -> None:
        """Connects and joins; raises SourceError."""
        await self._start(self._endpoint)
        self._begin_keeping(self._keep())

    async def subscribe(self, sids: frozenset[str]) -> None:
        """Receives exactly these from now on."""
        self._receiver.wanted = sids
        if self._connection is not None:
            await self._connection.subscribe(sids)

    async def close(self) -> None:
        """Leaves; returns when nothing is left running."""
        await self._end_keeping()
        await self._end_session()

    # -- inside

    async def _start(self, endpoint: Endpoint) -> None:
        self._receiver.forget_times()
        session = self._begin(endpoint, self._receiver)
        try:
            await _start(session)
        except BaseException:
            await session.close()
            raise
        self._connection = session

    async def _end_session(self) -> None:
        session = self._connection
        if session is not None:
            self._past = replace(self.statistics(), input_pid=None)
            self._connection = None
            await session.close()

    async def _keep(self) -> None:
        outage_began: float | None = None
        while True:
            connected_at = time.monotonic()
            end = await self._wait_for_end()
            if not end.again:
                self._close(end.reason, end.error)
                return
            self._receiver.on_event(ConnectionLost(end.reason))
            lost_at = time.monotonic()
            if outage_began is None or lost_at - connected_at > STEADY_S:
                outage_began = lost_at
            failure = await self._reconnect(outage_began + self._reconnect_timeout_s)
            if failure is not None:
                self._give_up(end.reason, failure)
                return
            self._past = self._past.reconnected()
            self._receiver.on_event(ConnectionRestored())

    async def _wait_for_end(self) -> SessionEnd:
        session = self._connection
        if session is None:
            return SessionEnd("not connected", again=True)
        return await session.wait_until_ended()

    async def _reconnect(self, deadline: float) -> HavenError | None:
        """Retries until connected or out of time; returns the last failure, None on success."""
        last = self._connection.last_endpoint() if self._connection is not None else None
        await self._end_session()
        pause_s = FIRST_PAUSE_S
        failure: HavenError = SourceError("There was no time left to reconnect.")
        answered = False
        while time.monotonic() < deadline:
            try:
                await self._attempt(last, deadline)
            except NotLive as absence:
                failure = absence  # its publisher may be reconnecting, too
            except SourceRefused as refusal:
                return refusal
            except HavenError as problem:
                if not answered or time.monotonic() < deadline:  # time cut the last attempt short
                    failure = problem
            else:
                return None
            answered = True
            left_s = max(0.0, deadline - time.monotonic())
            asked_s = float(failure.context.get("retry_after_s") or 0.0)
            await asyncio.sleep(min(left_s, max(asked_s, pause_s * random.uniform(0.8, 1.2))))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        return failure

    async def _attempt(self, last: Endpoint | None, deadline: float) -> None:
        endpoint = await self._renewed(last)
        limit_s = min(self._connect_timeout_s, max(1.0, deadline - time.monotonic()))
        try:
            async with asyncio.timeout(limit_s):
                await self._start(endpoint)
                await self._media()
        except TimeoutError as late:
            await self._end_session()
            raise SourceError(
                f"Reconnected, but no media connection was established within {limit_s:.0f} s.",
                "Check that the server's media ports (UDP) can be reached from here.",
            ) from late
        except SourceError:
            await self._end_session()
            raise

    async def _media(self) -> None:
        session = self._connection
        if session is None:
            return
        media = asyncio.create_task(session.wait_until_media())
        end = asyncio.create_task(session.wait_until_ended())
        try:
            await asyncio.wait({media, end}, return_when=asyncio.FIRST_COMPLETED)
            if not media.done():
                raise SourceError(f"Reconnected, but {end.result().reason}.")
        finally:
            media.cancel()
            end.cancel()

    async def _renewed(self, last: Endpoint | None) -> Endpoint:
        """A fresh endpoint; if none can be had, the old one while its token is valid."""
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                return await self._renew()
        except (HavenError, TimeoutError) as problem:
            # With an expired token we would be refused, and a refusal ends the recording.
            if last is None or has_expired(last.token or "", time.time()):
                raise SourceError(
                    f"The stream's address could not be renewed: {_why(problem)}",
                    "Check that the directory that lists the stream answers.",
                ) from problem
            return last

    def _give_up(self, reason: str, failure: HavenError) -> None:
        if isinstance(failure, (NotFound, NotLive)):
            self._close(f"{reason}; then the stream had ended", None)
            return
        tried_s = self._reconnect_timeout_s
        error = (
            failure
            if isinstance(failure, SourceRefused)
            else SourceError(
                f"The connection was lost ({reason}) and could not be restored"
                f" within {tried_s:.0f} s: {failure.error}",
                failure.detail,
            )
        )
        self._close(f"connection lost: {reason}", error)


def _why(problem: HavenError | TimeoutError) -> str:
    return problem.error if isinstance(problem, HavenError) else "no answer in time."


async def _start(session: Session) -> None:
    """Starts it; raises SourceError also for an answer that aiortc can't make sense of."""
    try:
        await session.start()
    except (HavenError, TimeoutError):
        raise
    except Exception as problem:
        raise SourceError(
            f"The server's answer can't be used: {problem!r}.", "Ask who runs the server."
        ) from problem
