"""What a connection's taps give: frames and sender reports, and what their time is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import av

from orchestrator.media import TrackKind


@dataclass(frozen=True, slots=True)
class ArrivedFrame:
    """A decoded frame and the facts that its time is made of."""

    label: str
    """The publication's sid, as the offer's labels named it."""
    stream: int
    """Differs for each RTP stream (SSRC) of this connection."""
    kind: TrackKind
    rate: int
    """RTP ticks per second."""
    rtp: int
    """RTP timestamp, unwrapped."""
    arrival_ns: int
    frame: av.AudioFrame | av.VideoFrame


@dataclass(frozen=True, slots=True)
class ArrivedReport:
    """An RTCP sender report of a stream: its RTP time and the NTP time (64 bits) of one moment."""

    label: str
    stream: int
    kind: TrackKind
    rate: int
    rtp: int
    ntp: int


class TapListener(Protocol):
    """Whom a tap tells; all calls come in the loop's thread and must not block."""

    def frame_arrived(self, arrived: ArrivedFrame) -> None: ...

    def report_arrived(self, arrived: ArrivedReport) -> None: ...


class TapOwner(Protocol):
    """What a tap asks of its connection."""

    @property
    def listener(self) -> TapListener: ...

    def label(self, ssrc: int, mid: str | None) -> str: ...

    def has_ssrc(self, ssrc: int) -> bool: ...

    def next_stream(self) -> int: ...
