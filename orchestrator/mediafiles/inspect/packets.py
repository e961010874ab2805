"""What both kinds of streams have: a beginning of time, packets, and errors of their decoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import av
from av.audio.frame import AudioFrame
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from orchestrator.mediafiles.inspect.report import Decoding, Stretch, Stretches, Traffic
from orchestrator.mediafiles.inspect.statistics import Passages
from orchestrator.mediafiles.media_file import NS, nanoseconds, words

_Frame = TypeVar("_Frame", bound=VideoFrame | AudioFrame)


@dataclass(frozen=True, slots=True)
class Zero:
    """Where the file begins on its own time line; reports count from here."""

    time_ns: int

    def seconds(self, time_ns: int | None) -> float | None:
        """The moment as it is reported."""
        return None if time_ns is None else (time_ns - self.time_ns) / NS

    def stretches(self, passages: Passages) -> Stretches:
        """Passages as they are reported."""
        return self.listed(passages.count, passages.total_ns, passages.longest.all())

    def listed(self, count: int, total_ns: int, longest: list[tuple[int, int]]) -> Stretches:
        """The same from its parts."""
        named = tuple(Stretch((at - self.time_ns) / NS, lasts / NS) for at, lasts in longest)
        return Stretches(count, total_ns / NS, named)


class PacketCount:
    """Counts a stream's packets."""

    def __init__(self, stream: Stream) -> None:
        self.packets = 0
        self.first_ns: int | None = None
        self._latest: tuple[int, int] | None = None
        self._time_base = stream.time_base
        self._bytes = 0
        self._shown_bytes = 0
        self._corrupt = 0
        self._hidden = 0

    def add(self, packet: Packet[Stream]) -> tuple[int | None, int]:
        """Takes a packet; returns its time, None if it has none, and how long it lasts (or 0)."""
        time_ns = nanoseconds(packet.pts, self._time_base)
        lasts_ns = nanoseconds(packet.duration, self._time_base) or 0
        if packet.size:  # AVI has empty ones; the one at the end isn't in the file at all
            self.packets += 1
            self._bytes += packet.size
            self._corrupt += packet.is_corrupt
            self._hidden += packet.is_discard
            self._shown_bytes += 0 if packet.is_discard else packet.size
        if time_ns is not None:
            self.first_ns = time_ns if self.first_ns is None else self.first_ns
        if time_ns is not None and not packet.is_discard:
            self._latest = max(self._latest or (time_ns, lasts_ns), (time_ns, lasts_ns))
        return time_ns, lasts_ns

    @property
    def end_ns(self) -> int | None:
        """When the packet with the latest time ends, of those that are shown."""
        return None if self._latest is None else sum(self._latest)

    def report(self, start_s: float | None, end_s: float | None) -> Traffic:
        """The counts; the bit rate is that of what is shown, between the two moments."""
        lasts_s = 0.0 if start_s is None or end_s is None else end_s - start_s
        bitrate_bps = self._shown_bytes * 8 / lasts_s if lasts_s > 0 else None
        return Traffic(self.packets, self._bytes, bitrate_bps, self._corrupt, self._hidden)


class Decoder(Generic[_Frame]):
    """A stream's decoder, which counts what it gives and refuses."""

    def __init__(self, decode: Callable[[Packet[Stream]], list[_Frame]]) -> None:
        self.frames = 0
        self._decode = decode
        self._errors = 0
        self._corrupt = 0
        self._first: tuple[str, int | None] | None = None

    def decode(self, packet: Packet[Stream], time_ns: int | None) -> list[_Frame]:
        """The frames that come; the empty packet at the end brings those that were held back."""
        if not packet.size and packet.dts is not None:
            return []  # to the decoder it would be the end
        try:
            frames = self._decode(packet)
        except av.FFmpegError as error:
            self._errors += 1
            self._first = self._first or (words(error), time_ns)
            return []
        self.frames += len(frames)
        self._corrupt += sum(frame.is_corrupt for frame in frames)
        return frames

    def report(self, zero: Zero) -> Decoding:
        """The counts."""
        said, at_ns = self._first or (None, None)
        return Decoding(self.frames, self._errors, self._corrupt, said, zero.seconds(at_ns))
