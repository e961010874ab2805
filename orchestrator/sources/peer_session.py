"""What sessions over a peer connection share: their end, their media, the way to the receiver."""

from __future__ import annotations

import asyncio

from orchestrator.sources.aiortc.peer import Peer
from orchestrator.sources.e2ee.key_ring import KeyRing
from orchestrator.sources.received_media import ArrivedFrame, PeerStatistics, SenderReport
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.reconnecting import SessionEnd


class PeerSession:
    """The part of a reconnecting.Session that doesn't depend on the protocol.

    It is what the peer calls (aiortc.peer.PeerListener), and hands the media on to the receiver.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._peer: Peer | None = None
        self._end: asyncio.Future[SessionEnd] = asyncio.get_running_loop().create_future()
        self._media = asyncio.Event()
        self.injected_trailer = b""

    async def wait_until_ended(self) -> SessionEnd:
        """Why it ended."""
        return await asyncio.shield(self._end)

    async def wait_until_media(self) -> None:
        """Returns when media can flow."""
        await self._media.wait()

    async def request_keyframe(self, sid: str) -> None:
        """Asks for a keyframe of this publication, if its frames are coming."""
        if self._peer is not None:
            await self._peer.request_keyframe(sid)

    async def flush(self) -> None:
        """Delivers the frames received so far."""
        if self._peer is not None:
            await self._peer.flush()

    def statistics(self) -> PeerStatistics:
        """The connection's counters."""
        return self._peer.statistics() if self._peer is not None else PeerStatistics()

    # -- called by the peer

    @property
    def max_frame_pixels(self) -> int:
        return self._receiver.max_frame_pixels

    @property
    def keyframe_interval_s(self) -> float | None:
        return self._receiver.keyframe_interval_s

    def wants(self, label: str) -> bool:
        return self._receiver.wants(label)

    def key_ring(self, label: str) -> KeyRing | None:
        return self._receiver.key_ring(label)

    def undecryptable(self, label: str, why: str | None) -> None:
        self._receiver.undecryptable(label, why)

    def no_keyframe(self, label: str) -> None:
        self._receiver.no_keyframe(label)

    def video_too_large(self, label: str, width: int, height: int) -> None:
        self._receiver.video_too_large(label, width, height)

    def frame_arrived(self, arrived: ArrivedFrame) -> None:
        self._receiver.frame_arrived(arrived)

    def report_arrived(self, arrived: SenderReport) -> None:
        self._receiver.report_arrived(arrived)

    def media_connected(self) -> None:
        self._media.set()

    def media_lost(self, reason: str) -> None:
        self._ended(SessionEnd(reason, again=True))

    # -- inside

    def _ended(self, end: SessionEnd) -> None:
        """The first reason counts."""
        if not self._end.done():
            self._end.set_result(end)
