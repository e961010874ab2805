"""What a connection receives: frames and sender reports, with the facts for their times."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Protocol

import av

from orchestrator.media import EncodedFrame, TrackKind
from orchestrator.sources.decoder_threads import DecoderThreads
from orchestrator.sources.e2ee.key_ring import KeyRing

MediaFrame = av.AudioFrame | av.VideoFrame | EncodedFrame
"""Decoded, or as it came."""


@dataclass(frozen=True, slots=True)
class TakenFrame:
    """A frame of one receiver."""

    pts: int
    """Its RTP stream and time (stream_times.STREAM_SHIFT)."""
    frame: MediaFrame
    concealed: bool = False
    """It stands in for lost packets."""


@dataclass(frozen=True, slots=True)
class ArrivedFrame:
    """A frame and the facts that its time is computed from."""

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
    frame: MediaFrame
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


@dataclass(frozen=True, slots=True)
class PeerStatistics:
    """Counters of one connection."""

    packets_received: int = 0
    packets_lost: int = 0
    frames_received: int = 0
    frames_skipped: int = 0
    frames_undecodable: int = 0
    frames_undecryptable: int = 0
    keyframes_requested: int = 0
    sender_reports: int = 0
    input_pid: int | None = None
    """Of the process that receives for us, where one does."""

    def since(self, before: PeerStatistics) -> PeerStatistics:
        """What was counted since those of before."""
        counted = [field.name for field in fields(self) if isinstance(field.default, int)]
        more = {name: getattr(self, name) - getattr(before, name) for name in counted}
        return replace(self, **more)


class Decrypts(Protocol):
    """Knows what is end-to-end encrypted."""

    @property
    def injected_trailer(self) -> bytes:
        """What the server's own frames in encrypted streams, and in no others, end with; empty: it
        sends none (livekit-server, pkg/rtc/mediatracksubscriptions.go)."""

    def key_ring(self, label: str) -> KeyRing | None:
        """What decrypts the frames of this publication; None if they are not encrypted."""


class NotEncrypted:
    """The part of a listener whose streams nobody encrypts end to end."""

    injected_trailer = b""

    def key_ring(self, label: str) -> KeyRing | None:
        """None of them has one."""
        return None

    def undecryptable(self, label: str, why: str | None) -> None:
        """Never called."""


class MediaListener(Decrypts, Protocol):
    """Gets what a tap receives; all calls come in the loop's thread and must not block."""

    @property
    def max_frame_pixels(self) -> int:
        """Larger video is not decoded."""

    @property
    def keyframe_interval_s(self) -> float | None:
        """Nothing is decoded, and keyframes are asked for so far apart; None: all is decoded."""

    def wants(self, label: str) -> bool:
        """Whether it takes the frames of this publication now."""

    def no_keyframe(self, label: str) -> None: ...

    def undecryptable(self, label: str, why: str | None) -> None: ...

    def video_too_large(self, label: str, width: int, height: int) -> None: ...

    def frame_arrived(self, arrived: ArrivedFrame) -> None: ...

    def report_arrived(self, arrived: SenderReport) -> None: ...


class TapConnection(Protocol):
    """What a tap needs of its connection."""

    @property
    def listener(self) -> MediaListener: ...

    def threads(self, kind: TrackKind) -> DecoderThreads: ...

    def label(self, ssrc: int, mid: str | None) -> str: ...

    def has_ssrc(self, ssrc: int) -> bool: ...

    def next_stream(self) -> int: ...

    def arrival_ns(self) -> int:
        """When the datagram came that is handled now."""
