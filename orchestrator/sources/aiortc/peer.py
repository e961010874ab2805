"""A receive-only WebRTC connection: aiortc's, with its receivers tapped.

`answer()` serves an SFU that offers (LiveKit), `offer()` and `accept()` one that answers (WHEP).
Frames and sender reports go to the listener with the label their m-line or SSRC was given.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final, NoReturn, Protocol

from aiortc import RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription
from aiortc.sdp import SessionDescription, candidate_from_sdp

from orchestrator.media import IceServer, TrackKind
from orchestrator.periodic import Periodic
from orchestrator.sources.aiortc.codecs import acceptable, referring
from orchestrator.sources.aiortc.data_channels import OnMessage, follow_data, never_ending
from orchestrator.sources.aiortc.direct_packets import ArrivalClock, take_directly
from orchestrator.sources.aiortc.ice import configuration
from orchestrator.sources.aiortc.internals import ice_connection, start_receivers
from orchestrator.sources.aiortc.negotiation_errors import NEGOTIATION_ERRORS, rejected
from orchestrator.sources.aiortc.receiver_tap import ReceiverTap
from orchestrator.sources.aiortc.sdp import MOST_CANDIDATES, bounded, completed, directed, has_port
from orchestrator.sources.aiortc.socket_batches import SocketBatches
from orchestrator.sources.aiortc.turn_relays import TurnRelays
from orchestrator.sources.decoder_threads import DecoderThreads
from orchestrator.sources.received_media import MediaListener, PeerStatistics
from orchestrator.stop_policy import STOP

CLOSE_S: Final = STOP.disconnect_s
"""aiortc closes within milliseconds; a TURN server that doesn't answer must not hold us longer."""

DELIVER_S: Final = 0.1
"""Between two deliveries of what was decoded. Their times are those of their arrival, so nothing
depends on it but how often we wake up."""

FLUSH_S: Final = STOP.flush_s
"""How long to wait at the end for a decoder that is behind."""

_LOOK_S: Final = 0.005


class PeerListener(MediaListener, Protocol):
    """Gets a Peer's events; all calls come in the loop's thread and must not block."""

    def media_connected(self) -> None: ...

    def media_lost(self, reason: str) -> None: ...


class Peer:
    """One connection; not reusable after `close()`."""

    whose: ClassVar[str] = "server's"
    """The other side, as errors call it."""

    def __init__(
        self,
        listener: PeerListener,
        ice_servers: Sequence[IceServer] = (),
        on_message: OnMessage | None = None,
    ) -> None:
        self._listener = listener
        self._connection = RTCPeerConnection(configuration())
        self._connection.on("connectionstatechange", self._state_changed)
        if on_message is not None:
            follow_data(self._connection, on_message)
        self._ice_servers = tuple(ice_servers)
        self._relays = TurnRelays()
        self._arrivals = ArrivalClock()
        self._batches = SocketBatches(self._arrivals)
        self._threads = {kind: DecoderThreads(kind) for kind in TrackKind}
        self._taps: dict[RTCRtpTransceiver, ReceiverTap] = {}
        self._by_mid: dict[str, str] = {}
        self._by_ssrc: dict[int, str] = {}
        self._streams = 0
        self._candidates = 0
        self._starting: asyncio.Task[None] | None = None
        self._closing = False
        self._negotiating = asyncio.Lock()
        deliveries = Periodic(self.deliver, DELIVER_S, failure=None, at_once=False, together=True)
        self._delivering = asyncio.create_task(deliveries.run(), name="frames")
        self._delivering.add_done_callback(self._delivering_ended)

    async def answer(self, offer: str, labels: Mapping[str, str]) -> str:
        """Takes the server's offer, with the publication's sid for each mid; returns our answer."""
        offer = directed(bounded(offer))
        async with self._negotiating:
            try:
                offer = acceptable(offer)
                self._read_labels(offer, labels)
                await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
                self._apply(offer)
                self.use_turn_servers(self._ice_servers)
                await self._connection.setLocalDescription(await self._connection.createAnswer())
            except NEGOTIATION_ERRORS as problem:
                raise rejected(f"{self.whose} offer", problem) from problem
            return referring(self._connection.localDescription.sdp)

    async def offer(self, kinds: Sequence[TrackKind]) -> str:
        """Our offer to receive one track of each kind."""
        for kind in kinds:
            self._connection.addTransceiver(kind.value, direction="recvonly")
        self._tap_new()
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return self._connection.localDescription.sdp

    async def accept(self, answer: str, labels: Mapping[str, str]) -> None:
        """Takes the server's answer, with a label for each mid."""
        answer = completed(directed(bounded(answer)), self._connection.localDescription.sdp)
        description = RTCSessionDescription(sdp=answer, type="answer")
        try:
            self._read_labels(answer, labels)
            await self._connection.setRemoteDescription(description)
        except NEGOTIATION_ERRORS as problem:
            raise rejected(f"{self.whose} answer", problem) from problem
        self._apply(answer)

    def use_turn_servers(self, servers: Iterable[IceServer]) -> None:
        """Tries to connect by way of these TURN servers as well."""
        connection = ice_connection(self._connection)
        if connection is not None and not self._closing:
            self._relays.ask(servers, connection)

    async def add_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        """A remote candidate as an SDP attribute's value, or None when there are no more."""
        async with self._negotiating:
            if self._closing or self._connection.signalingState == "closed":
                return
            if line is None:
                await self._connection.addIceCandidate(None)
                return
            if not has_port(line):
                return
            try:
                candidate = candidate_from_sdp(line.removeprefix("candidate:"))
            except (ValueError, AssertionError, IndexError):
                return  # a kind of candidate that aiortc doesn't know; there are others
            self._candidates += 1
            if self._candidates > MOST_CANDIDATES:
                return
            candidate.sdpMid, candidate.sdpMLineIndex = mid, index
            await self._connection.addIceCandidate(candidate)

    async def close(self) -> None:
        """Gives what came, and ends the connection, its decoder threads and tasks."""
        self._closing = True
        try:
            await self.flush()
        finally:
            self._batches.close()
            await self._relays.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._connection.close(), CLOSE_S)
            await asyncio.gather(*(each.close() for each in self._threads.values()))
        tasks = [self._delivering, *([self._starting] if self._starting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def deliver(self) -> None:
        """Gives the listener all frames that came, and are decoded if they have to be."""
        self._batches.read()
        for tap in self._taps.values():
            tap.deliver()
        if never_ending(self._connection):
            self._lost("the server sends data messages without an end")

    async def flush(self) -> None:
        """The same when what came is decoded; gives up after `FLUSH_S`."""
        deadline = time.monotonic() + FLUSH_S
        self.deliver()
        while time.monotonic() < deadline and not all(tap.idle for tap in self._taps.values()):
            await asyncio.sleep(_LOOK_S)
            self.deliver()

    async def request_keyframe(self, label: str) -> None:
        """Asks for a keyframe of the video with this label, if its frames are coming."""
        for tap in self._taps.values():
            await tap.request_keyframe(label)

    @property
    def connected(self) -> bool:
        """Whether media can flow."""
        return self._connection.connectionState == "connected"

    @property
    def failed_turn_servers(self) -> str:
        """The TURN servers that failed, as the end of a sentence; empty if there are none."""
        unanswered = "; ".join(self._relays.unanswered)
        return f" TURN servers that gave no relay address: {unanswered}." if unanswered else ""

    def statistics(self) -> PeerStatistics:
        """A snapshot of the counters."""
        taps = self._taps.values()
        received, lost = map(sum, zip((0, 0), *(tap.packets() for tap in taps), strict=True))
        return PeerStatistics(
            *(received, lost),
            frames_received=sum(tap.frames for tap in taps),
            frames_skipped=sum(tap.skipped for tap in taps),
            frames_undecodable=sum(tap.undecodable for tap in taps),
            frames_undecryptable=sum(tap.undecryptable for tap in taps),
            keyframes_requested=sum(tap.keyframes_requested for tap in taps),
            sender_reports=sum(tap.reports for tap in taps),
        )

    # -- what the taps ask

    @property
    def listener(self) -> PeerListener:
        """Whom the taps tell."""
        return self._listener

    def threads(self, kind: TrackKind) -> DecoderThreads:
        """Those that decode for all receivers of a kind."""
        return self._threads[kind]

    def label(self, ssrc: int, mid: str | None) -> str:
        """The publication that an RTP stream carries; empty while it is unknown."""
        return self._by_ssrc.get(ssrc) or self._by_mid.get(mid or "", "")

    def has_ssrc(self, ssrc: int) -> bool:
        """Whether the latest description names this SSRC."""
        return ssrc in self._by_ssrc

    def next_stream(self) -> int:
        """A number for a new RTP stream."""
        # 16 bits: what stays free in a pts above the RTP time (stream_times.STREAM_SHIFT).
        self._streams = self._streams % 0xFFFF + 1
        return self._streams

    def arrival_ns(self) -> int:
        """When the datagram came that is handled now."""
        return self._arrivals.now_ns()

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
            if (tap := by_mid.get(media.rtp.muxId)) is None:
                continue
            if media.direction in ("sendonly", "sendrecv"):
                tap.apply(media)
                tap.relabel()
            else:
                tap.deactivate()

    def _tap_new(self) -> None:
        for transceiver in self._connection.getTransceivers():
            if transceiver not in self._taps:
                self._taps[transceiver] = ReceiverTap(self, transceiver)

    def _delivering_ended(self, delivering: asyncio.Task[NoReturn]) -> None:
        problem = None if delivering.cancelled() else delivering.exception()
        if problem is not None:
            self._receiving_failed(problem)

    def _receiving_failed(self, problem: BaseException) -> None:
        asyncio.get_running_loop().call_exception_handler(
            {"message": "receiving failed", "exception": problem}
        )
        self._lost(f"receiving failed: {problem!r}")

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._starting = asyncio.create_task(start_receivers(self._connection))
            take_directly(self._connection, self._receiving_failed)
            if self._listener.keyframe_interval_s is not None:
                self._batches.begin_soon(self._connection)
            self._listener.media_connected()
        elif state == "failed":
            why = "no media connection could be established, or it broke (ICE or DTLS failed)"
            self._lost(f"{why}.{self.failed_turn_servers}" if self.failed_turn_servers else why)
        elif state == "closed":
            self._lost("the server ended the media connection")

    def _lost(self, reason: str) -> None:
        if not self._closing:
            self._listener.media_lost(reason)
