"""What every source offers: events of a stream's publications and frames, with one time for all.

A source knows how to receive, not what is done with the frames: it announces publications, its
user says which to subscribe, and frames of those come as events. A lost connection is tried again
by the source itself; `SourceClosed` is always the last event.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import av

from orchestrator.errors import SourceError
from orchestrator.media import EncodedFrame, Endpoint, Publication
from orchestrator.sources.activity import Activity
from orchestrator.sources.received_media import PeerStatistics

NO_KEYFRAME_S: Final = 5.0
"""A video whose frames come for so long without a keyframe has none (see `NoKeyframe`)."""


@dataclass(frozen=True, slots=True)
class PublicationAdded:
    """A track is there and may be subscribed."""

    publication: Publication


@dataclass(frozen=True, slots=True)
class PublicationChanged:
    """A known publication is muted, unmuted, resized, … ."""

    publication: Publication


@dataclass(frozen=True, slots=True)
class PublicationRemoved:
    """The track is gone; no frame of it comes any more."""

    sid: str


@dataclass(frozen=True, slots=True)
class PublicationsUpdated:
    """Follows the publications that were removed, or added and changed, by one message."""


@dataclass(frozen=True, slots=True)
class FrameReceived:
    """A decoded frame of a subscribed publication."""

    sid: str
    time_ns: int
    """When its first sample was captured, on `time.monotonic_ns()`'s scale plus a constant delay.

    Strictly increasing within a publication, but for `TimesSettled`; the tracks of one participant
    are aligned.
    """
    frame: av.AudioFrame | av.VideoFrame
    concealed: bool = False
    """It stands in for lost packets."""


@dataclass(frozen=True, slots=True)
class EncodedFrameReceived:
    """A frame of a subscribed publication as it came, of a source that doesn't decode."""

    sid: str
    time_ns: int
    """As in `FrameReceived`."""
    frame: EncodedFrame


@dataclass(frozen=True, slots=True)
class VideoTooLarge:
    """A publication's video is larger than is decoded: no frame of it comes while it is."""

    sid: str
    width: int
    height: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class NoKeyframe:
    """A video's frames come, but no keyframe for `NO_KEYFRAME_S`, however often one was asked for.

    Nothing of it can be decoded until one does. Only of a source that doesn't decode; at most once
    for each RTP stream at its beginning, and after each loss.
    """

    sid: str


@dataclass(frozen=True, slots=True)
class Undecryptable:
    """A publication is end-to-end encrypted, and none of its latest frames could be decrypted: none
    of them comes. It is over with its next frame.
    """

    sid: str
    why: str | None
    """As the end of a sentence that begins with the publication; None until they come for a second,
    as its key may be changing."""


@dataclass(frozen=True, slots=True)
class TimesSettled:
    """Where a video that began stands beside its audio is known now.

    Every frame of it so far should have had a time `by_ns` later (or earlier); those that follow
    have the right one. Comes once at most for a publication.
    """

    sid: str
    by_ns: int


@dataclass(frozen=True, slots=True)
class ParticipantsChanged:
    """How many take part, without ourselves and the hidden."""

    count: int


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """Nothing is received at present; the source is reconnecting."""

    reason: str


@dataclass(frozen=True, slots=True)
class ConnectionRestored:
    """Connected again; the publications of before keep their sids where the server kept them."""


@dataclass(frozen=True, slots=True)
class SourceClosed:
    """The last event. Without an error the stream ended by itself (room closed, host left, …)."""

    reason: str
    error: SourceError | None


SourceEvent = (
    PublicationAdded
    | PublicationChanged
    | PublicationRemoved
    | PublicationsUpdated
    | FrameReceived
    | EncodedFrameReceived
    | VideoTooLarge
    | NoKeyframe
    | Undecryptable
    | TimesSettled
    | ParticipantsChanged
    | Activity
    | ConnectionLost
    | ConnectionRestored
    | SourceClosed
)

OnEvent = Callable[[SourceEvent], None]
"""Called in the loop's thread for every event; must not block."""

Renew = Callable[[], Awaitable[Endpoint]]
"""Gives a fresh endpoint (with a new token) for each new attempt to connect."""


@dataclass(frozen=True, slots=True)
class SourceStatistics:
    """Counters since `open()`, over all connections."""

    packets_received: int = 0
    packets_lost: int = 0
    """As the RTP sequence numbers tell (RFC 3550 §A.3); retransmitted ones are not lost."""
    frames_received: int = 0
    frames_skipped: int = 0
    """Encoded frames not decoded because the decoder was seconds behind."""
    frames_undecodable: int = 0
    """Frames left out, as one that they need is missing."""
    frames_undecryptable: int = 0
    """End-to-end encrypted frames left out, as no key fits, or as they need one of those."""
    keyframes_requested: int = 0
    sender_reports: int = 0
    reconnects: int = 0
    drift_ppm: float | None = None
    """How much faster a publisher's audio runs than its own clock; the recording follows it."""
    input_pid: int | None = None
    """Of the process that receives for us now, where one does."""

    def plus(self, now: PeerStatistics, drift_ppm: float | None) -> SourceStatistics:
        """With the counters of one more connection."""
        return SourceStatistics(
            packets_received=self.packets_received + now.packets_received,
            packets_lost=self.packets_lost + now.packets_lost,
            frames_received=self.frames_received + now.frames_received,
            frames_skipped=self.frames_skipped + now.frames_skipped,
            frames_undecodable=self.frames_undecodable + now.frames_undecodable,
            frames_undecryptable=self.frames_undecryptable + now.frames_undecryptable,
            keyframes_requested=self.keyframes_requested + now.keyframes_requested,
            sender_reports=self.sender_reports + now.sender_reports,
            reconnects=self.reconnects,
            drift_ppm=drift_ppm,
            input_pid=now.input_pid,
        )

    def reconnected(self) -> SourceStatistics:
        """With one more connection that was made after one was lost."""
        return replace(self, reconnects=self.reconnects + 1)


class Source(Protocol):
    """A stream being received."""

    async def open(self) -> None:
        """Connects and joins; events come from now on.

        Raises SourceRefused, SourceUnreachable, or SourceError for anything else.
        """

    async def subscribe(self, sids: frozenset[str]) -> None:
        """Receives exactly these publications from now on, after reconnects too."""

    async def request_keyframe(self, sid: str) -> None:
        """Asks the publisher of this video for a keyframe (PLI, RFC 4585 §6.3.1)."""

    async def flush(self) -> None:
        """Gives the frames that have come; returns when they are decoded, or soon."""

    async def close(self) -> None:
        """Leaves; returns when nothing is left running. May be called again."""

    def statistics(self) -> SourceStatistics:
        """A snapshot of the counters."""
