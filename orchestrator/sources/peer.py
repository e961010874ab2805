"""A receive-only WebRTC connection: aiortc's, with its receivers tapped.

`answer()` serves an SFU that offers (LiveKit), `offer()` and `accept()` one that answers (WHEP).
Frames and sender reports go to the listener with the label their m-line or SSRC was given.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.sdp import SessionDescription, candidate_from_sdp

from orchestrator.errors import SourceError
from orchestrator.media import TrackKind
from orchestrator.sources.arrived import TapListener
from orchestrator.sources.tap import Tap, start_receivers

CLOSE_S: Final = 5.0
"""aiortc closes within milliseconds; a TURN server that doesn't answer must not hold us longer."""

DELIVER_S: Final = 0.1
"""Between two deliveries of what was decoded. Their times are those of their arrival, so nothing
depends on it but how often we wake up."""

FLUSH_S: Final = 2.0
"""How long a decoder that is behind is waited for at the end."""

_LOOK_S: Final = 0.005

NEGOTIATION_ERRORS: Final = (
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
    ValueError,
    ConnectionError,
)


class PeerListener(TapListener, Protocol):
    """Whom a Peer tells; all calls come in the loop's thread and must not block."""

    def media_connected(self) -> None: ...

    def media_lost(self, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class IceServer:
    """A TURN server of the connection (RFC 8656), or a STUN server."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PeerStatistics:
    """Counters of one connection."""

    packets_received: int = 0
    packets_lost: int = 0
    frames_received: int = 0
    frames_skipped: int = 0
    sender_reports: int = 0


def relays(servers: Sequence[IceServer]) -> list[RTCIceServer]:
    """The servers worth asking: TURN only.

    An SFU learns our address from our own checks, so STUN adds nothing, and aiortc would wait
    seconds for a STUN server that a firewall hides before it answers at all.
    """
    found = []
    for server in servers:
        urls = [url for url in server.urls if url.startswith(("turn:", "turns:"))]
        if urls:
            found.append(RTCIceServer(urls, server.username, server.credential))
    return found


class Peer:
    """One connection; not reusable after `close()`."""

    def __init__(self, listener: PeerListener, ice_servers: Sequence[IceServer] = ()) -> None:
        self._listener = listener
        # Never None: aiortc would ask a public STUN server for our address.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=relays(ice_servers)))
        self._connection.on("connectionstatechange", self._state_changed)
        self._taps: dict[RTCRtpTransceiver, Tap] = {}
        self._by_mid: dict[str, str] = {}
        self._by_ssrc: dict[int, str] = {}
        self._streams = 0
        self._starting: asyncio.Task[None] | None = None
        self._closing = False
        self._negotiating = asyncio.Lock()
        self._delivering = asyncio.create_task(self._keep_delivering(), name="frames")
        self._delivering.add_done_callback(self._delivering_ended)

    async def answer(self, offer: str, labels: Mapping[str, str]) -> str:
        """Takes the server's offer, with the publication's sid for each mid; returns our answer."""
        async with self._negotiating:
            description = RTCSessionDescription(sdp=offer, type="offer")
            try:
                self._read_labels(offer, labels)
                await self._connection.setRemoteDescription(description)
                self._apply(offer)
                await self._connection.setLocalDescription(await self._connection.createAnswer())
            except NEGOTIATION_ERRORS as problem:
                raise _rejected("offer", problem) from problem
            return self._connection.localDescription.sdp

    async def offer(self, kinds: Sequence[TrackKind]) -> str:
        """Our offer to receive one track of each kind."""
        for kind in kinds:
            self._connection.addTransceiver(kind.value, direction="recvonly")
        self._tap_new()
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return self._connection.localDescription.sdp

    async def accept(self, answer: str, labels: Mapping[str, str]) -> None:
        """Takes the server's answer, with a label for each mid."""
        description = RTCSessionDescription(sdp=answer, type="answer")
        try:
            self._read_labels(answer, labels)
            await self._connection.setRemoteDescription(description)
        except NEGOTIATION_ERRORS as problem:
            raise _rejected("answer", problem) from problem
        self._apply(answer)

    async def add_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        """A remote candidate as an SDP attribute's value, or None when there are no more."""
        async with self._negotiating:
            if self._closing or self._connection.signalingState == "closed":
                return
            if line is None:
                await self._connection.addIceCandidate(None)
                return
            try:
                candidate = candidate_from_sdp(line.removeprefix("candidate:"))
            except (ValueError, AssertionError, IndexError):
                return  # a kind of candidate that aiortc doesn't know; there are others
            candidate.sdpMid, candidate.sdpMLineIndex = mid, index
            await self._connection.addIceCandidate(candidate)

    async def close(self) -> None:
        """Gives what came, and ends the connection, its decoder threads and tasks."""
        self._closing = True
        try:
            await self.flush()
        finally:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._connection.close(), CLOSE_S)
        tasks = [self._delivering, *([self._starting] if self._starting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def deliver(self) -> None:
        """Tells the listener of all frames that are decoded by now."""
        for tap in self._taps.values():
            tap.deliver()

    async def flush(self) -> None:
        """The same when what came is decoded; gives up after `FLUSH_S`."""
        deadline = time.monotonic() + FLUSH_S
        self.deliver()
        while time.monotonic() < deadline and not all(tap.idle for tap in self._taps.values()):
            await asyncio.sleep(_LOOK_S)
            self.deliver()

    @property
    def connected(self) -> bool:
        """Whether media can flow."""
        return self._connection.connectionState == "connected"

    def statistics(self) -> PeerStatistics:
        """A snapshot of the counters."""
        taps = self._taps.values()
        packets = [tap.packets() for tap in taps]
        return PeerStatistics(
            packets_received=sum(received for received, _ in packets),
            packets_lost=sum(lost for _, lost in packets),
            frames_received=sum(tap.frames for tap in taps),
            frames_skipped=sum(tap.skipped for tap in taps),
            sender_reports=sum(tap.reports for tap in taps),
        )

    # -- what the taps ask

    @property
    def listener(self) -> PeerListener:
        """Whom the taps tell."""
        return self._listener

    def label(self, ssrc: int, mid: str | None) -> str:
        """The publication that an RTP stream carries; empty while nobody said."""
        return self._by_ssrc.get(ssrc) or self._by_mid.get(mid or "", "")

    def has_ssrc(self, ssrc: int) -> bool:
        """Whether the latest description names this SSRC."""
        return ssrc in self._by_ssrc

    def next_stream(self) -> int:
        """A number for a new RTP stream."""
        # 16 bits: what stays free in a pts above the RTP time (standins.STREAM_SHIFT).
        self._streams = self._streams % 0xFFFF + 1
        return self._streams

    # -- inside

    def _read_labels(self, sdp: str, labels: Mapping[str, str]) -> None:
        self._by_mid = dict(labels)
        self._by_ssrc = {
            ssrc.ssrc: labels[media.rtp.muxId]
            for media in SessionDescription.parse(sdp).media
            for ssrc in media.ssrc
            if media.rtp.muxId in labels
        }

    def _apply(self, sdp: str) -> None:
        """Makes taps and running receivers follow the description."""
        self._tap_new()
        by_mid = {tap.transceiver.mid: tap for tap in self._taps.values()}
        for media in SessionDescription.parse(sdp).media:
            if (tap := by_mid.get(media.rtp.muxId)) is not None:
                tap.apply(media)
                tap.relabel()

    def _tap_new(self) -> None:
        for transceiver in self._connection.getTransceivers():
            if transceiver not in self._taps:
                self._taps[transceiver] = Tap(self, transceiver)

    async def _keep_delivering(self) -> None:
        while True:
            await asyncio.sleep(DELIVER_S)
            self.deliver()

    def _delivering_ended(self, delivering: asyncio.Task[None]) -> None:
        problem = None if delivering.cancelled() else delivering.exception()
        if problem is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "taking frames failed", "exception": problem, "task": delivering}
            )
            self._lost(f"receiving failed: {problem!r}")

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._starting = asyncio.create_task(start_receivers(self._connection))
            self._listener.media_connected()
        elif state == "failed":
            self._lost("no media connection could be made, or it broke (ICE or DTLS failed)")
        elif state == "closed":
            self._lost("the server ended the media connection")

    def _lost(self, reason: str) -> None:
        if not self._closing:
            self._listener.media_lost(reason)


def _rejected(what: str, problem: Exception) -> SourceError:
    return SourceError(
        f"The server's {what} can't be used: {problem}",
        "The stream may be published in a codec that can't be received.",
    )
