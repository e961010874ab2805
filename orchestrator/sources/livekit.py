"""A LiveKit room as a source: one join of it, and the tracks we subscribe to."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any, Final

from livekit.protocol import models, rtc

from orchestrator.errors import SourceError, SourceRefused, SourceUnreachable
from orchestrator.media import LiveKitEndpoint, TrackKind
from orchestrator.sources.arrived import ArrivedFrame, ArrivedReport
from orchestrator.sources.keeper import SessionEnd
from orchestrator.sources.peer import IceServer, Peer, PeerStatistics
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.room import Room
from orchestrator.sources.signalling import Hangup, Signalling, addresses, leave_reason

MEDIA_TIMEOUT_S: Final = 15.0
"""Joined, and no media connection for so long: the network lets signalling through only."""

ASK_AGAIN_S: Final = 2.0
"""Pause after a subscription that failed."""

LEAVE_GRACE_S: Final = 0.5
"""A server that lets us go may end the media first and say why a moment later."""

_Reason = models.DisconnectReason

ENDED: Final = frozenset({_Reason.ROOM_DELETED, _Reason.ROOM_CLOSED})
"""The stream is over: no error."""

EXPELLED: Final = frozenset(
    {_Reason.PARTICIPANT_REMOVED, _Reason.DUPLICATE_IDENTITY, _Reason.USER_REJECTED}
)
"""Somebody wants us out: coming back would be a fight."""


class LiveKitSession:
    """One join of a room (keeper.Session)."""

    def __init__(
        self, endpoint: LiveKitEndpoint, receiver: Receiver, *, connect_timeout_s: float
    ) -> None:
        self._endpoint = endpoint
        self._receiver = receiver
        self._connect_timeout_s = connect_timeout_s
        self._signalling: Signalling | None = None
        self._room: Room | None = None
        self._peer: Peer | None = None
        self._reader: asyncio.Task[None] | None = None
        self._end: asyncio.Future[SessionEnd] = asyncio.get_running_loop().create_future()
        self._media = asyncio.Event()
        self._timers: list[asyncio.TimerHandle] = []
        self._asking: asyncio.Task[None] | None = None
        self._subscribed: frozenset[str] = frozenset()
        self._settings: dict[str, tuple[int, int]] = {}

    async def start(self) -> None:
        """Joins; the room's publications are known when it returns."""
        signalling = self._signalling = await self._join()
        servers = [
            IceServer(tuple(each.urls), each.username, each.credential)
            for each in signalling.joined.ice_servers
        ]
        self._peer = Peer(self, servers)
        self._room = Room(signalling.joined)
        self._show(self._room)
        self._reader = asyncio.create_task(self._read(signalling, self._peer), name="signalling")
        self._reader.add_done_callback(self._reader_ended)
        self._later(MEDIA_TIMEOUT_S, self._check_media)
        await self.subscribe(self._receiver.wanted)

    async def wait_until_ended(self) -> SessionEnd:
        """Why it ended."""
        return await asyncio.shield(self._end)

    async def wait_until_media(self) -> None:
        """Returns when media can flow; the server offers a connection in an empty room too."""
        await self._media.wait()

    async def subscribe(self, sids: frozenset[str]) -> None:
        """Asks the server for exactly these, at their full size."""
        signalling = self._signalling
        if signalling is None:
            return
        there = sids & self._receiver.publications.keys()
        gone = self._subscribed - there
        new = there - self._subscribed
        self._subscribed = there
        for sid in gone:
            self._settings.pop(sid, None)
        await self._update(signalling, gone & self._receiver.publications.keys(), False)
        await self._update(signalling, new, True)
        await self._ask_for_full_size(signalling)

    async def flush(self) -> None:
        """Gives what has come."""
        if self._peer is not None:
            await self._peer.flush()

    async def close(self) -> None:
        """Leaves the room and ends the peer connection."""
        for timer in self._timers:
            timer.cancel()
        tasks = [task for task in (self._reader, self._asking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._signalling is not None:
            await self._signalling.close()
        if self._peer is not None:
            await self._peer.close()

    def statistics(self) -> PeerStatistics:
        """The connection's counters."""
        return self._peer.statistics() if self._peer is not None else PeerStatistics()

    def last_endpoint(self) -> LiveKitEndpoint:
        """The given endpoint with the token as the server renewed it."""
        token = self._signalling.token if self._signalling is not None else self._endpoint.token
        return LiveKitEndpoint(self._endpoint.url, token)

    # -- what the peer tells

    def frame_arrived(self, arrived: ArrivedFrame) -> None:
        self._receiver.frame_arrived(arrived)

    def report_arrived(self, arrived: ArrivedReport) -> None:
        self._receiver.report_arrived(arrived)

    def media_connected(self) -> None:
        self._media.set()

    def media_lost(self, reason: str) -> None:
        self._later(LEAVE_GRACE_S, lambda: self._ended(SessionEnd(reason, again=True)))

    # -- inside

    async def _join(self) -> Signalling:
        url, token = self._endpoint.url, self._endpoint.token
        problem: SourceError = SourceUnreachable(f"{url} has no address.")
        for address in await addresses(url, token):
            try:
                return await Signalling.join(address, token, timeout_s=self._connect_timeout_s)
            except SourceUnreachable as unreachable:
                problem = unreachable
        raise problem

    async def _read(self, signalling: Signalling, peer: Peer) -> None:
        try:
            async for message in signalling.messages():
                await self._handle(message, signalling, peer)
        except Hangup as hangup:
            self._ended(SessionEnd(hangup.reason, again=True))
        except SourceError as problem:
            self._ended(SessionEnd(problem.error, again=True))

    def _reader_ended(self, reader: asyncio.Task[None]) -> None:
        """The task's boundary: a message nobody foresaw must end the session, not silence it."""
        problem = None if reader.cancelled() else reader.exception()
        if problem is not None:
            self._ended(SessionEnd(f"a message could not be handled: {problem!r}", again=True))

    async def _handle(
        self, message: rtc.SignalResponse, signalling: Signalling, peer: Peer
    ) -> None:
        match message.WhichOneof("message"):
            case "offer":
                offer = message.offer
                answer = await peer.answer(offer.sdp, dict(offer.mid_to_track_id))
                description = rtc.SessionDescription(type="answer", sdp=answer, id=offer.id)
                await self._send(signalling, answer=description)
            case "trickle" if message.trickle.target == rtc.SignalTarget.SUBSCRIBER:
                await self._candidate(message.trickle, peer)
            case "update":
                await self._participants_changed(message.update)
            case "leave":
                self._left(message.leave)
            case "subscription_response" if message.subscription_response.err:
                self._subscription_failed(message.subscription_response)

    async def _candidate(self, trickle: rtc.TrickleRequest, peer: Peer) -> None:
        init = json.loads(trickle.candidateInit) if trickle.candidateInit else {}
        line = init.get("candidate", "")
        if line:
            await peer.add_candidate(line, init.get("sdpMid"), init.get("sdpMLineIndex"))
        if trickle.final:
            await peer.add_candidate(None, None, None)

    async def _participants_changed(self, update: rtc.ParticipantUpdate) -> None:
        if self._room is None or self._peer is None:
            return
        self._peer.deliver()  # what came before the news is told before it
        self._room.update(update.participants)
        self._show(self._room)
        # What is wanted may be there now, or have another size.
        await self.subscribe(self._receiver.wanted)

    @staticmethod
    async def _send(signalling: Signalling, **request: Any) -> None:
        # If nobody is there any more, why is the last thing that the reader will read.
        with contextlib.suppress(Hangup):
            await signalling.send(**request)

    def _show(self, room: Room) -> None:
        self._receiver.show(room.publications())
        self._receiver.show_participants(room.count)

    async def _update(self, signalling: Signalling, sids: frozenset[str], subscribe: bool) -> None:
        if sids:
            wish = rtc.UpdateSubscription(track_sids=sorted(sids), subscribe=subscribe)
            await self._send(signalling, subscription=wish)

    async def _ask_for_full_size(self, signalling: Signalling) -> None:
        """Without this the server may choose a smaller layer of a simulcast."""
        for sid in self._subscribed:
            publication = self._receiver.publications[sid]
            size = (publication.width, publication.height)
            if publication.kind is TrackKind.VIDEO and self._settings.get(sid) != size:
                self._settings[sid] = size
                wish = rtc.UpdateTrackSettings(
                    track_sids=[sid],
                    quality=models.VideoQuality.HIGH,
                    width=size[0],
                    height=size[1],
                )
                await self._send(signalling, track_setting=wish)

    def _left(self, leave: rtc.LeaveRequest) -> None:
        reason = leave_reason(leave)
        if leave.reason in ENDED:
            self._ended(SessionEnd(reason, again=False))
        elif leave.reason in EXPELLED:
            advice = "Start the recording again if that was not meant."
            error = SourceRefused(f"The recording was ended: {reason}.", advice)
            self._ended(SessionEnd(reason, again=False, error=error))
        else:
            # RESUME would restart ICE, which aiortc can't; DISCONNECT comes with servers that
            # stop. So whatever the action: join anew, and let the server say no.
            self._ended(SessionEnd(reason, again=True))

    def _subscription_failed(self, response: rtc.SubscriptionResponse) -> None:
        """The server can't give us a track now: ask again, for as long as it is wanted."""
        self._subscribed -= {response.track_sid}
        self._settings.pop(response.track_sid, None)
        self._later(ASK_AGAIN_S, self._ask_again)

    def _ask_again(self) -> None:
        self._asking = asyncio.create_task(self.subscribe(self._receiver.wanted))

    def _later(self, delay_s: float, call: Callable[[], None]) -> None:
        now = asyncio.get_running_loop().time()
        self._timers = [timer for timer in self._timers if timer.when() > now]
        self._timers.append(asyncio.get_running_loop().call_later(delay_s, call))

    def _check_media(self) -> None:
        if self._media.is_set():
            return
        reason = "no media connection came about: are the server's UDP ports reachable from here?"
        self._ended(SessionEnd(reason, again=True))

    def _ended(self, end: SessionEnd) -> None:
        if not self._end.done():
            self._end.set_result(end)
