"""A second subscriber in the room, which keeps what the publisher's reports say: the truth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import av
import numpy as np

from orchestrator.media import LiveKitEndpoint, Publication, TrackKind
from orchestrator.sources.clock.sender_clock import ntp_ns, unwrap
from orchestrator.sources.livekit.session import LiveKitSession
from orchestrator.sources.received_media import ArrivedFrame, SenderReport
from orchestrator.sources.receiver import Receiver
from tests.kit.livekit.server import Server
from tests.kit.signals.codes import luma_of, read_code
from tests.kit.signals.reading import LOUD


@dataclass
class _Seen:
    """What a subscriber saw of one RTP stream."""

    rate: int
    codes: dict[int, int] = field(default_factory=dict)
    """RTP time of each frame, by number."""
    delays: dict[int, float] = field(default_factory=dict)
    """Seconds from its RTP time to its arrival, beyond some constant."""
    beeps: list[int] = field(default_factory=list)
    """RTP times."""
    reports: list[tuple[int, int]] = field(default_factory=list)
    """RTP and NTP (ns) of one moment each."""
    rtp: int = 0
    loud: int = -(1 << 62)

    def true_s(self, rtp: float) -> float:
        """The sender's time, from all its reports together: a line through them."""
        x = np.array([r for r, _ in self.reports], float)
        y = np.array([n / 1e9 for _, n in self.reports])
        x0, y0 = x.mean(), y.mean()
        spread = float(((x - x0) ** 2).sum())
        # Over a short time reports that differ by 10 ms say nothing of the rate.
        slope = 1 / self.rate
        if x.max() - x.min() > 60 * self.rate:
            slope = float(((x - x0) * (y - y0)).sum()) / spread
        return float(y0 + (rtp - x0) * slope)


class Reference(Receiver):
    """A second subscriber, which keeps the raw RTP times and reports: what is true."""

    def __init__(self) -> None:
        super().__init__(lambda event: None)
        self.seen: dict[tuple[TrackKind, int], _Seen] = {}

    def _of(self, arrived: ArrivedFrame | SenderReport) -> _Seen:
        return self.seen.setdefault((arrived.kind, arrived.stream), _Seen(arrived.rate))

    def frame_arrived(self, arrived: ArrivedFrame) -> None:
        seen = self._of(arrived)
        seen.rtp = arrived.rtp
        if isinstance(arrived.frame, av.VideoFrame):
            code = read_code(luma_of(arrived.frame))
            if code is not None:
                seen.codes.setdefault(code, arrived.rtp)
                seen.delays[code] = arrived.arrival_ns / 1e9 - arrived.rtp / seen.rate
            return
        assert isinstance(arrived.frame, av.AudioFrame)
        samples = np.asarray(arrived.frame.to_ndarray()).reshape(-1, 2)[:, 0]
        loud = np.flatnonzero(np.abs(samples.astype(int)) > LOUD)
        if len(loud):
            at = arrived.rtp + int(loud[0])
            if at - seen.loud > 0.5 * seen.rate:
                seen.beeps.append(at)
            seen.loud = arrived.rtp + int(loud[-1])

    def report_arrived(self, arrived: SenderReport) -> None:
        seen = self._of(arrived)
        if seen.rtp:
            seen.reports.append((unwrap(seen.rtp, arrived.rtp), ntp_ns(arrived.ntp)))

    def frame_times(self) -> dict[int, float]:
        """The sender's time of each frame."""
        found: dict[int, float] = {}
        for (kind, _), seen in self.seen.items():
            if kind is TrackKind.VIDEO and seen.reports:
                found |= {code: seen.true_s(rtp) for code, rtp in seen.codes.items()}
        return found

    def beeps(self) -> list[float]:
        """The sender's time of each beep."""
        return [
            seen.true_s(rtp)
            for (kind, _), seen in self.seen.items()
            if kind is TrackKind.AUDIO and seen.reports
            for rtp in seen.beeps
        ]


@asynccontextmanager
async def observing(server: Server, room: str) -> AsyncIterator[Reference]:
    """A reference in the room."""
    reference = Reference()
    endpoint = LiveKitEndpoint(server.url, server.token(room, "reference"))
    session = LiveKitSession(endpoint, reference, connect_timeout_s=10)
    await session.start()
    follow = asyncio.create_task(_subscribe_to_all(session, reference))
    try:
        yield reference
    finally:
        follow.cancel()
        await session.close()


async def _subscribe_to_all(session: LiveKitSession, reference: Reference) -> None:
    known: dict[str, Publication] = {}
    while True:
        if reference.publications.keys() != known.keys():
            known = dict(reference.publications)
            reference.wanted = frozenset(known)
            await session.subscribe(reference.wanted)
        await asyncio.sleep(0.02)
