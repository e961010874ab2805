"""LiveKit's signalling: protobuf messages on a WebSocket (livekit_rtc.proto, livekit.protocol.rtc).

Joining is `GET {url}/rtc` with the token; the server's first message is `join`, or `leave` with a
reason. Then both sides send what they have, and we a ping each `ping_interval`, without which the
server closes the connection. A connection that breaks is not resumed: that would restart ICE, which
aiortc can't do, so the source joins anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlencode

from google.protobuf.message import DecodeError
from livekit.protocol import models, rtc
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from orchestrator.errors import SourceBusy, SourceError, SourceRefused, SourceUnreachable
from orchestrator.media import LiveKitEndpoint
from orchestrator.retry_after_header import retry_after_s
from orchestrator.sources.livekit.rate_limit import RateLimit
from orchestrator.sources.livekit.regions import addresses, base_url
from orchestrator.stop_policy import STOP

PROTOCOL: Final = 15
"""Version of the signalling: the subscriber has a peer connection that the server offers."""

MAX_MESSAGE_BYTES: Final = 16 * 2**20
"""A `join` names every participant and track of the room: a kilobyte or two each."""

MAX_QUEUE: Final = 4
"""Messages read ahead."""

PING_INTERVAL_S: Final = 5.0
PING_TIMEOUT_S: Final = 15.0
PING_BOUNDS_S: Final = (1.0, 60.0)
"""A server's word on both is believed within these."""

MAX_TOKEN_BYTES: Final = 64 * 1024

MESSAGES_AT_ONCE: Final = 2000
MESSAGES_PER_S: Final = 500
"""How many messages are dealt with; LiveKit sends some ten a second, and more when we join."""

MESSAGE_BYTES: Final = 16 * 1024
"""A message counts as one more for each of these."""

UPDATES_AT_ONCE: Final = 1000
UPDATES_PER_S: Final = 200
"""How much of `update` messages is dealt with, by their `update_cost`."""

_Reason = models.DisconnectReason

REASONS: Final[dict[int, str]] = {
    _Reason.CLIENT_INITIATED: "left",
    _Reason.DUPLICATE_IDENTITY: "another participant joined with the recorder's identity",
    _Reason.SERVER_SHUTDOWN: "the server is shutting down",
    _Reason.PARTICIPANT_REMOVED: "the recorder was removed from the room",
    _Reason.ROOM_DELETED: "the room was closed",
    _Reason.STATE_MISMATCH: "the server lost the state of the connection",
    _Reason.JOIN_FAILURE: "the server could not complete the join",
    _Reason.MIGRATION: "the room moved to another server",
    _Reason.SIGNAL_CLOSE: "the signalling connection was closed",
    _Reason.ROOM_CLOSED: "everybody left and the room was closed",
    _Reason.CONNECTION_TIMEOUT: "the server received no answer from the recorder",
    _Reason.MEDIA_FAILURE: "the server could not establish a media connection to the recorder",
}
"""A server's reasons to end the connection, in words."""


class SignallingLost(Exception):
    """The signalling connection was lost; `reason` says why, in words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def leave_reason(leave: rtc.LeaveRequest) -> str:
    """Why the server ends the connection."""
    return REASONS.get(leave.reason, "the server ended the connection without saying why")


def update_cost(update: rtc.ParticipantUpdate) -> float:
    """What an update costs of the rate limit: more with each participant and track in it."""
    tracks = sum(len(each.tracks) for each in update.participants)
    return 1 + (len(update.participants) + tracks) / 10


class Signalling:
    """One signalling connection; not reusable after `close()`."""

    def __init__(self, socket: ClientConnection, joined: rtc.JoinResponse, token: str) -> None:
        self.joined = joined
        self.token = token
        """The latest token: the server renews it while we are connected."""
        self._socket = socket
        self._heard = time.monotonic()
        self._silent = False
        self._rate_limit = RateLimit("messages", burst=MESSAGES_AT_ONCE, per_s=MESSAGES_PER_S)
        self._updates = RateLimit("updates", burst=UPDATES_AT_ONCE, per_s=UPDATES_PER_S)
        self._pings = asyncio.create_task(self._ping(), name="signalling ping")

    @classmethod
    async def join(cls, url: str, token: str, *, timeout_s: float) -> Signalling:
        """Joins the room that the token is for.

        Raises SourceRefused when the server says no, SourceUnreachable when it doesn't answer.
        """
        try:
            async with asyncio.timeout(timeout_s):
                socket = await _connect(url, token, timeout_s)
                try:
                    joined = await _first_message(socket, url)
                except BaseException:
                    await socket.close()
                    raise
        except TimeoutError as late:
            raise _unreachable(url, f"no answer within {timeout_s:.0f} s") from late
        return cls(socket, joined, token)

    async def send(self, **request: Any) -> None:
        """Sends one request, by its name in SignalRequest; raises SignallingLost."""
        try:
            await self._socket.send(rtc.SignalRequest(**request).SerializeToString())
        except ConnectionClosed as closed:
            raise SignallingLost(self._why(closed)) from closed

    async def messages(self) -> AsyncIterator[rtc.SignalResponse]:
        """Every message until the connection is gone; then raises SignallingLost."""
        while True:
            try:
                data = await self._socket.recv()
            except ConnectionClosed as closed:
                raise SignallingLost(self._why(closed)) from closed
            self._heard = time.monotonic()
            await self._rate_limit.wait(1 + len(data) // MESSAGE_BYTES)
            message = _parse(data)
            if message is None:
                continue
            kind = message.WhichOneof("message")
            if kind == "refresh_token":
                self._renew(message.refresh_token)
            elif kind == "update":
                await self._updates.wait(update_cost(message.update))
            yield message

    async def close(self) -> None:
        """Leaves and closes the connection."""
        self._pings.cancel()
        await asyncio.gather(self._pings, return_exceptions=True)
        with contextlib.suppress(SignallingLost):
            await self.send(leave=rtc.LeaveRequest(reason=_Reason.CLIENT_INITIATED))
        await self._socket.close()

    def _renew(self, token: str) -> None:
        if token and len(token) <= MAX_TOKEN_BYTES:
            self.token = token

    async def _ping(self) -> None:
        interval_s = _within(self.joined.ping_interval or PING_INTERVAL_S)
        timeout_s = _within(self.joined.ping_timeout or PING_TIMEOUT_S)
        try:
            while time.monotonic() - self._heard < timeout_s:
                now_ms = time.time_ns() // 1_000_000
                # Servers of protocol 8 and below know `ping` only (livekit_rtc.proto).
                await self.send(ping=now_ms)
                await self.send(ping_req=rtc.Ping(timestamp=now_ms))
                await asyncio.sleep(interval_s)
        except SignallingLost:
            return
        self._silent = True
        await self._socket.close()

    def _why(self, closed: ConnectionClosed) -> str:
        if self._silent:
            return "the server stopped answering"
        received = closed.rcvd
        if received is not None and received.reason:
            return f"the server closed the connection: {received.reason}"
        return "the connection to the server broke"


async def _connect(url: str, token: str, timeout_s: float) -> ClientConnection:
    query = {
        "protocol": PROTOCOL,
        "auto_subscribe": 0,
        "sdk": "python",
        "version": version("livekit-protocol"),
    }
    try:
        return await connect(
            f"{base_url(url)}/rtc?{urlencode(query)}",
            # Not in the address, which ends up in logs.
            additional_headers={"Authorization": f"Bearer {token}"},
            open_timeout=timeout_s,
            close_timeout=STOP.leave_s / 2,  # for its own closing, then for the server's
            ping_interval=None,
            max_size=MAX_MESSAGE_BYTES,
            max_queue=MAX_QUEUE,
        )
    except InvalidStatus as refusal:
        response = refusal.response
        text = bytes(response.body or b"").decode(errors="replace").strip()
        again_s = retry_after_s(response.headers.get("Retry-After"))
        raise _refused(url, response.status_code, text[:300], again_s) from refusal
    except InvalidURI as wrong:
        raise SourceError(
            f"{url} is not the address of a LiveKit server.",
            "Use the form wss://host or ws://host.",
        ) from wrong
    # ValueError: it redirects to something that is not an address.
    except (OSError, ValueError, WebSocketException) as problem:
        raise _unreachable(url, str(problem) or type(problem).__name__) from problem


async def _first_message(socket: ClientConnection, url: str) -> rtc.JoinResponse:
    while True:
        try:
            message = _parse(await socket.recv())
        except ConnectionClosed as closed:
            raise _unreachable(url, "it closed the connection before the join") from closed
        kind = message.WhichOneof("message") if message is not None else None
        if message is not None and kind == "join":
            return message.join
        if message is not None and kind == "leave":
            raise SourceRefused(
                f"The LiveKit server {url} refused to let the recorder join:"
                f" {leave_reason(message.leave)}.",
                "Check the server's log, and what the token allows.",
            )


def _parse(data: str | bytes) -> rtc.SignalResponse | None:
    """The message; None for one that a newer server may send and we don't know."""
    if isinstance(data, str):
        return None
    try:
        return rtc.SignalResponse.FromString(data)
    except DecodeError:
        return None


_ADVICE: Final[dict[int, str]] = {
    401: "Check the API key and secret, and this machine's clock: tokens are valid for minutes.",
    403: "The token must allow joining this room (roomJoin, room).",
    404: "The room does not exist, or the address is not that of a LiveKit server.",
}


def _within(seconds: float) -> float:
    least, most = PING_BOUNDS_S
    return min(max(least, seconds), most)


def _refused(url: str, status: int, text: str, again_s: float | None) -> SourceError:
    said = f": {text}" if text else ""
    if status in _ADVICE:
        return SourceRefused(
            f"The LiveKit server {url} refused the connection (HTTP {status}{said}).",
            _ADVICE[status],
        )
    if status in (429, 503) and again_s is not None:
        return SourceBusy(
            f"The LiveKit server {url} is busy (HTTP {status}{said}).",
            f"Try again in {again_s:.0f} s.",
            retry_after_s=again_s,
        )
    if status == 429 or status >= 500:
        return _unreachable(url, f"HTTP {status}{said}")
    return SourceError(
        f"The LiveKit server {url} answered HTTP {status}{said}.",
        "Check that the address is that of a LiveKit server.",
    )


def _unreachable(url: str, why: str) -> SourceUnreachable:
    return SourceUnreachable(
        f"The LiveKit server {url} can't be reached: {why}.",
        "Check that it runs, that the address is right and that a firewall lets it through.",
    )


async def join(endpoint: LiveKitEndpoint, timeout_s: float) -> Signalling:
    """Joins at the nearest address that answers; raises SourceError."""
    problem: SourceError = SourceUnreachable(f"{endpoint.url} has no address.")
    for address in await addresses(endpoint.url, endpoint.token):
        try:
            return await Signalling.join(address, endpoint.token, timeout_s=timeout_s)
        except SourceUnreachable as unreachable:
            problem = unreachable
    raise problem
