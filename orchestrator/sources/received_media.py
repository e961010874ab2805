"""What a connection receives: decoded frames and sender reports, with the facts for their times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import av

from orchestrator.media import TrackKind
from orchestrator.sources.decoder_threads import DecoderThreads


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A decoded frame and the facts that its time is computed from."""

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
    concealed: bool = False
    """It stands in for lost packets."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """An RTCP sender report of a stream: its RTP time and the NTP time (64 bits) of one moment."""

    label: str
    stream: int
    kind: TrackKind
    rate: int
    rtp: int
    ntp: int
    arrival_ns: int


class MediaListener(Protocol):
    """Gets what a tap receives; all calls come in the loop's thread and must not block."""

    @property
    def max_frame_pixels(self) -> int:
        """Larger video is not decoded."""

    def video_too_large(self, label: str, width: int, height: int) -> None: ...

    def frame_arrived(self, arrived: DecodedFrame) -> None: ...

    def report_arrived(self, arrived: SenderReport) -> None: ...


class TapConnection(Protocol):
    """What a tap needs of its connection."""

    @property
    def listener(self) -> MediaListener: ...

    def threads(self, kind: TrackKind) -> DecoderThreads: ...

    def label(self, ssrc: int, mid: str | None) -> str: ...

    def has_ssrc(self, ssrc: int) -> bool: ...

    def next_stream(self) -> int: ...
