"""One publisher's session: its connection, what it sends, and the recording that takes it."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from orchestrator.errors import (
    HavenError,
    NoIceRestart,
    Unavailable,
    UnusableOffer,
)
from orchestrator.media import SECOND_NS, EncodedFrame, Publication, TrackKind
from orchestrator.sources.aiortc.ingest.local_addresses import LocalAddresses
from orchestrator.sources.aiortc.ingest.peer import IngestPeer
from orchestrator.sources.received_media import (
    ArrivedFrame,
    NotEncrypted,
    PeerStatistics,
    SenderReport,
)
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.whip.beginning import Pace
from orchestrator.sources.whip.offer import (
    PARTICIPANT,
    check_offer,
    check_published,
    check_transport,
    fragment_of,
    ufrag_of,
    with_codecs,
)
from orchestrator.sources.whip.trickled import TrickledCandidates
from orchestrator.whep.publications import publications_in

CONNECT_S: Final = 30.0
"""A publisher whose media doesn't come by then is given up."""

STEADY_S: Final = 1.5
"""Longest wait for audio that comes in real time."""

STEADY_ALONE_S: Final = 0.3
"""The same where there is no audio, whose frames come all the time."""

LOOK_S: Final = 0.1
"""Between two looks whether anything comes of one that sends nothing yet."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How a publisher's frames are taken while nobody records."""

    max_frame_pixels: int
    keyframe_interval_s: float
    """Between two keyframes that are asked for while a recording copies."""


class Publisher(NotEncrypted):
    """One session; not reusable. It is the listener of its peer."""

    def __init__(self, addresses: LocalAddresses, limits: StreamLimits) -> None:
        self.id, self.etag = secrets.token_urlsafe(18), secrets.token_hex(8)
        self.since = datetime.now(UTC)
        self.connected = asyncio.Event()
        """Its media comes, in real time unless that takes long."""
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Why it ended."""
        self.publications: dict[str, Publication] = {}
        self._limits = limits
        self._peer = IngestPeer(self, addresses)
        self._receiver: Receiver | None = None
        self._base = PeerStatistics()
        """What was counted before the recording that takes it now."""
        self._pace = Pace()
        self._reports: dict[str, SenderReport] = {}
        """The latest of each track."""
        self._due: set[str] = set()
        """Tracks of which the receiver hasn't got that report yet."""
        self._began = False
        """Whether a frame of video came for that recording."""
        self._ufrag: str | None = None
        self._trickled = TrickledCandidates(self._peer)
        self._closing: asyncio.Task[None] | None = None

    async def answer(self, offer: str) -> str:
        """The answer to its offer; raises UnusableOffer, or Unavailable without a free port."""
        check_offer(offer)
        try:
            published = publications_in(offer, PARTICIPANT)
            check_published(offer, published)
            check_transport(offer)
            labels = {mid: each.sid for mid, each in published.items()}
            answer = await self._peer.answer(offer, labels)
        except (Unavailable, UnusableOffer):
            raise
        except HavenError as problem:
            raise UnusableOffer(problem.error) from problem  # advice for a recording is of no use
        except Exception as problem:  # aiortc asserts and indexes its way through what it reads
            raise UnusableOffer(f"The offer can't be read: {problem!r}.") from problem
        self._ufrag = ufrag_of(offer)
        received = with_codecs(published, self._peer.codecs())
        self.publications = {each.sid: each for each in received}
        asyncio.get_running_loop().call_later(CONNECT_S, self._give_up)
        return answer

    def add_candidates(self, fragment: str) -> None:
        """Takes those that it found later (RFC 9725 §4.3.2), in a moment; raises NoIceRestart."""
        found = fragment_of(fragment)
        if found.ufrag is not None and found.ufrag != self._ufrag:
            raise NoIceRestart()
        self._trickled.put(found)

    def described(self) -> dict[str, Any]:
        """For who asks what is published."""
        return {
            "since": self.since.isoformat(),
            "recorded": self._receiver is not None,
            "tracks": [
                {
                    "sid": each.sid,
                    "kind": each.kind.value,
                    "source": each.source.value,
                    "mime_type": each.mime_type,
                    "width": each.width,
                    "height": each.height,
                }
                for each in self.publications.values()
            ],
        }

    # -- the recording that takes it

    def attach(self, receiver: Receiver) -> None:
        """What comes from now on goes to this receiver."""
        self._base, self._began = self._peer.statistics(), False
        self._due = set(self._reports)
        self._receiver = receiver
        if receiver.keyframe_interval_s is None:
            self._peer.renew_outputs()
        receiver.set_publications(self.publications.values())
        receiver.set_participant_count(1)

    def detach(self) -> None:
        """Nobody takes it any more."""
        receiver, self._receiver = self._receiver, None
        if receiver is not None and receiver.keyframe_interval_s is None and not self.ended.done():
            self._peer.renew_outputs()

    async def request_keyframe(self, sid: str) -> None:
        """Asks for a keyframe of this publication; some publishers ignore that."""
        await self._peer.request_keyframe(sid)

    async def flush(self) -> None:
        """Delivers the frames received so far."""
        await self._peer.flush()

    def statistics(self) -> PeerStatistics:
        """What was counted since it was attached."""
        return self._peer.statistics().since(self._base)

    # -- its end

    def end(self, reason: str) -> None:
        """Ends the session; the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(reason)

    async def close(self) -> None:
        """Ends the connection; returns when nothing of it is left. May be called again."""
        self.end("the publisher's session was closed")
        self._closing = self._closing or asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._trickled.close()
        await self._peer.close()

    def _give_up(self) -> None:
        if not self.connected.is_set():
            self.end(f"no media within {CONNECT_S:.0f} s")

    # -- called by the peer

    @property
    def max_frame_pixels(self) -> int:
        return self._limits.max_frame_pixels

    @property
    def keyframe_interval_s(self) -> float | None:
        if self._receiver is not None and self._receiver.keyframe_interval_s is None:
            return None
        return self._limits.keyframe_interval_s

    def wants(self, label: str) -> bool:
        return self._receiver is not None and self._receiver.wants(label)

    def no_keyframe(self, label: str) -> None:
        if self._receiver is not None:
            self._receiver.no_keyframe(label)

    def video_too_large(self, label: str, width: int, height: int) -> None:
        if self._receiver is not None:
            self._receiver.video_too_large(label, width, height)

    def frame_arrived(self, arrived: ArrivedFrame) -> None:
        self._note(arrived)
        if arrived.kind is TrackKind.AUDIO and not self.connected.is_set():
            self._look(arrived)
        if (receiver := self._receiver) is None:
            return
        if arrived.kind is TrackKind.VIDEO and not self._began:
            self._begin()
        receiver.frame_arrived(arrived)
        if arrived.label in self._due and receiver.wants(arrived.label):
            self._due.discard(arrived.label)
            receiver.report_arrived(as_of(self._reports[arrived.label], arrived))

    def report_arrived(self, arrived: SenderReport) -> None:
        self._reports[arrived.label] = arrived
        self._due.discard(arrived.label)
        if self._receiver is not None:
            self._receiver.report_arrived(arrived)

    def media_connected(self) -> None:
        has_audio = any(each.kind is TrackKind.AUDIO for each in self.publications.values())
        wait_s = STEADY_S if has_audio else STEADY_ALONE_S
        asyncio.get_running_loop().call_later(wait_s, self._look_late)

    def media_lost(self, reason: str) -> None:
        self.end(reason)

    # -- inside

    def _look_late(self) -> None:
        """Not in real time, but it comes: packets, as a keyframe may take long."""
        if self._peer.statistics().packets_received:
            self.connected.set()
        elif not self.ended.done():
            asyncio.get_running_loop().call_later(LOOK_S, self._look_late)

    def _look(self, arrived: ArrivedFrame) -> None:
        if self._pace.steady(arrived.rtp / arrived.rate, arrived.arrival_ns):
            self.connected.set()

    def _begin(self) -> None:
        """Frames before the first keyframe are not missing in the recording."""
        self._began = True
        left_out = self._peer.statistics().frames_undecodable
        self._base = replace(self._base, frames_undecodable=left_out)

    def _note(self, arrived: ArrivedFrame) -> None:
        """What it really sends: the answer leaves it a choice."""
        known, frame = self.publications.get(arrived.label), arrived.frame
        if known is None:
            return
        now = known
        if isinstance(frame, EncodedFrame) and not known.mime_type.endswith(f"/{frame.codec}"):
            now = replace(now, mime_type=f"{known.kind.value}/{frame.codec}")
        width, height = getattr(frame, "width", 0), getattr(frame, "height", 0)
        if width and (width, height) != (known.width, known.height):
            now = replace(now, width=width, height=height)
        if now is not known:
            self.publications[known.sid] = now
            if self._receiver is not None:
                self._receiver.set_publications(self.publications.values())


def as_of(report: SenderReport, frame: ArrivedFrame) -> SenderReport:
    """What a report of before says of the moment when a frame came, of the same sender."""
    passed_s = (frame.arrival_ns - report.arrival_ns) / SECOND_NS
    return replace(
        report,
        stream=frame.stream,
        rtp=(report.rtp + round(passed_s * report.rate)) % (1 << 32),
        ntp=report.ntp + round(passed_s * (1 << 32)),
        arrival_ns=frame.arrival_ns,
    )
