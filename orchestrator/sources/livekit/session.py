"""A LiveKit room as a source: one join of it, and the tracks we subscribe to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

from livekit.protocol import models, rtc

from orchestrator.errors import SourceError, SourceRefused
from orchestrator.media import IceServer, LiveKitEndpoint, TrackKind
from orchestrator.sources.aiortc.peer import Peer
from orchestrator.sources.aiortc.sdp import candidate_of
from orchestrator.sources.livekit.activity.room_activity import RoomActivity
from orchestrator.sources.livekit.rate_limit import RateLimit
from orchestrator.sources.livekit.room import Room
from orchestrator.sources.livekit.signalling import Signalling, SignallingLost, join, leave_reason
from orchestrator.sources.peer_session import PeerSession
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.reconnecting import SessionEnd

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
"""Somebody removed the recorder on purpose: it doesn't come back."""


class LiveKitSession(PeerSession):
    """One join of a room (reconnecting.Session)."""

    def __init__(
        self,
        endpoint: LiveKitEndpoint,
        receiver: Receiver,
        *,
        connect_timeout_s: float,
        activity: RoomActivity | None = None,
    ) -> None:
        super().__init__(receiver)
        self._activity = activity
        self._endpoint = endpoint
        self._connect_timeout_s = connect_timeout_s
        self._signalling: Signalling | None = None
        self._room: Room | None = None
        self._reader: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._asking: asyncio.Task[None] | None = None
        self._offers = RateLimit("offers", burst=50, per_s=5)
        self._subscribed: frozenset[str] = frozenset()
        self._settings: dict[str, tuple[int, int]] = {}
        self._failed: set[str] = set()
        """Publications that the server refused to give, not asked for until some time passed."""

    async def start(self) -> None:
        """Joins; the room's publications are known when it returns."""
        signalling = self._signalling = await join(self._endpoint, self._connect_timeout_s)
        servers = [
            IceServer(tuple(each.urls), each.username, each.credential)
            for each in signalling.joined.ice_servers
        ]
        self._peer = Peer(self, servers, self._activity.data if self._activity else None)
        self.injected_trailer = signalling.joined.sif_trailer
        self._room = Room(signalling.joined, self._receiver.keys.has_key)
        if self._activity is not None:
            self._activity.connected(signalling.joined)
        self._show(self._room)
        self._reader = asyncio.create_task(self._read(signalling, self._peer), name="signalling")
        self._reader.add_done_callback(self._reader_ended)
        self._later(MEDIA_TIMEOUT_S, self._check_media)
        await self.subscribe(self._receiver.wanted)

    async def subscribe(self, sids: frozenset[str]) -> None:
        """Asks the server for exactly these, at their full size."""
        signalling = self._signalling
        if signalling is None:
            return
        there = (sids & self._receiver.publications.keys()) - self._failed
        gone = self._subscribed - there
        new = there - self._subscribed
        self._subscribed = there
        for sid in gone:
            self._settings.pop(sid, None)
        await self._update(signalling, gone & self._receiver.publications.keys(), False)
        await self._update(signalling, new, True)
        await self._ask_for_full_size(signalling)

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
        if self._activity is not None:
            self._activity.disconnected()

    def last_endpoint(self) -> LiveKitEndpoint:
        """The given endpoint with the token as the server renewed it."""
        token = self._signalling.token if self._signalling is not None else self._endpoint.token
        return LiveKitEndpoint(self._endpoint.url, token)

    # -- called by the peer

    def media_lost(self, reason: str) -> None:
        self._later(LEAVE_GRACE_S, lambda: self._ended(SessionEnd(reason, again=True)))

    # -- inside

    async def _read(self, signalling: Signalling, peer: Peer) -> None:
        try:
            async for message in signalling.messages():
                await self._handle(message, signalling, peer)
        except SignallingLost as hangup:
            self._ended(SessionEnd(hangup.reason, again=True))
        except SourceError as problem:
            self._ended(SessionEnd(problem.error, again=True))

    def _reader_ended(self, reader: asyncio.Task[None]) -> None:
        """The task's boundary: an unexpected message must end the session, not leave it dead."""
        problem = None if reader.cancelled() else reader.exception()
        if problem is not None:
            self._ended(SessionEnd(f"a message could not be handled: {problem!r}", again=True))

    async def _handle(
        self, message: rtc.SignalResponse, signalling: Signalling, peer: Peer
    ) -> None:
        match message.WhichOneof("message"):
            case "offer":
                await self._offers.wait()
                offer = message.offer
                answer = await peer.answer(offer.sdp, dict(offer.mid_to_track_id))
                description = rtc.SessionDescription(type="answer", sdp=answer, id=offer.id)
                await self._send(signalling, answer=description)
            case "trickle" if message.trickle.target == rtc.SignalTarget.SUBSCRIBER:
                await self._candidate(message.trickle, peer)
            case "update":
                await self._participants_changed(message.update)
            case "speakers_changed" if self._activity is not None:
                self._activity.speakers(message.speakers_changed.speakers)
            case "leave":
                self._left(message.leave)
            case "subscription_response" if message.subscription_response.err:
                self._subscription_failed(message.subscription_response)

    async def _candidate(self, trickle: rtc.TrickleRequest, peer: Peer) -> None:
        if (found := candidate_of(trickle.candidateInit)) is not None:
            await peer.add_candidate(found.line, found.mid, found.index)
        if trickle.final:
            await peer.add_candidate(None, None, None)

    async def _participants_changed(self, update: rtc.ParticipantUpdate) -> None:
        if self._room is None or self._peer is None:
            return
        self._peer.deliver()  # frames that came before this update go first
        if self._activity is not None:
            self._activity.participants(update.participants)
        self._room.update(update.participants)
        self._show(self._room)
        # What is wanted may be there now, or have another size.
        await self.subscribe(self._receiver.wanted)

    @staticmethod
    async def _send(signalling: Signalling, **request: Any) -> None:
        # If nobody is there any more, why is the last thing that the reader will read.
        with contextlib.suppress(SignallingLost):
            await signalling.send(**request)

    def _show(self, room: Room) -> None:
        self._receiver.set_publications(room.publications())
        self._receiver.set_participant_count(room.count)

    async def _update(self, signalling: Signalling, sids: frozenset[str], subscribe: bool) -> None:
        if sids:
            request = rtc.UpdateSubscription(track_sids=sorted(sids), subscribe=subscribe)
            await self._send(signalling, subscription=request)

    async def _ask_for_full_size(self, signalling: Signalling) -> None:
        """Without this the server may choose a smaller layer of a simulcast."""
        for sid in self._subscribed:
            publication = self._receiver.publications[sid]
            size = (publication.width, publication.height)
            if publication.kind is TrackKind.VIDEO and self._settings.get(sid) != size:
                self._settings[sid] = size
                request = rtc.UpdateTrackSettings(
                    track_sids=[sid],
                    quality=models.VideoQuality.HIGH,
                    width=size[0],
                    height=size[1],
                )
                await self._send(signalling, track_setting=request)

    def _left(self, leave: rtc.LeaveRequest) -> None:
        reason = leave_reason(leave)
        if leave.reason in ENDED:
            self._ended(SessionEnd(reason, again=False))
        elif leave.reason in EXPELLED:
            advice = "Start the recording again if that was not intended."
            error = SourceRefused(f"The recording was ended: {reason}.", advice)
            self._ended(SessionEnd(reason, again=False, error=error))
        else:
            # RESUME would restart ICE, which aiortc can't; DISCONNECT comes with servers that
            # stop. So whatever the action: join anew, and let the server say no.
            self._ended(SessionEnd(reason, again=True))

    def _subscription_failed(self, response: rtc.SubscriptionResponse) -> None:
        """The server can't give us a track now: ask again, for as long as it is wanted."""
        sid = response.track_sid
        if sid not in self._subscribed:
            return
        self._subscribed -= {sid}
        self._settings.pop(sid, None)
        if not self._failed:  # one question for all that fail until then
            self._later(ASK_AGAIN_S, self._ask_again)
        self._failed.add(sid)

    def _ask_again(self) -> None:
        self._failed.clear()
        self._asking = asyncio.create_task(self.subscribe(self._receiver.wanted))

    def _later(self, delay_s: float, call: Callable[[], None]) -> None:
        now = asyncio.get_running_loop().time()
        self._timers = [timer for timer in self._timers if timer.when() > now]
        self._timers.append(asyncio.get_running_loop().call_later(delay_s, call))

    def _check_media(self) -> None:
        if self._media.is_set():
            return
        # The server offers a connection in an empty room, too.
        reason = "no media connection: are the server's UDP ports reachable from here?"
        if self._peer is not None:
            reason += self._peer.failed_turn_servers
        self._ended(SessionEnd(reason, again=True))
