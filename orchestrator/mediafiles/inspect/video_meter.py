"""Measures one video stream while its packets and frames pass."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import Final

import av
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from orchestrator.mediafiles.inspect.packets import Decoder, PacketCount, Zero
from orchestrator.mediafiles.inspect.report import (
    Display,
    FrameTimes,
    KeyFrames,
    SizeChange,
    VideoHeader,
    VideoReport,
)
from orchestrator.mediafiles.inspect.statistics import Intervals, Reorder
from orchestrator.mediafiles.inspect.still_frames import (
    StillFrames,
    blocks_of,
    has_full_range,
    is_black,
)
from orchestrator.mediafiles.media_file import NS, nanoseconds

PEEK: Final = 300
"""Without decoding the first frame is looked for in so many packets; an edit list may hide some."""

SIZES: Final = 20
"""So many changes of size are listed; the others are counted."""


class VideoMeter:
    """Takes packets, and frames where they are decoded; then gives the report."""

    def __init__(self, stream: VideoStream, zero: Zero, *, decode: bool) -> None:
        self.packets = PacketCount(stream)
        self._stream = stream
        self._zero = zero
        # Noted now: decoding changes what the stream says of itself.
        self._header = _header(stream)
        self._decoder = Decoder(stream.decode) if decode else None
        self._intervals = Intervals()
        self._key_frames = Intervals()
        self._order = Reorder()
        self._stillness = StillFrames()
        self._size: tuple[int, int] | None = None
        self._display: Display | None = None
        self._size_changes = 0
        self._sizes: list[SizeChange] = []

    def packet(self, packet: Packet[Stream]) -> None:
        """Takes a packet, and the frames that come of it."""
        time_ns, lasts_ns = self.packets.add(packet)
        if packet.is_keyframe:
            self._key_frames.add(time_ns)
        if self._decoder is None:
            self._peek(packet)
            if packet.size and not packet.is_discard:
                self._undecoded(time_ns, lasts_ns)
            return
        for frame in self._decoder.decode(packet, time_ns):
            self._frame(frame)

    def _undecoded(self, time_ns: int | None, lasts_ns: int) -> None:
        if time_ns is None:
            self._intervals.add(None)
            return
        for earliest_ns, its_ns in self._order.push(time_ns, lasts_ns):
            self._intervals.add(earliest_ns, its_ns)

    def _frame(self, frame: VideoFrame) -> None:
        base = self._stream.time_base
        time_ns = nanoseconds(frame.pts, base)
        self._show(frame)
        self._intervals.add(time_ns, nanoseconds(frame.duration, base) or 0)
        self._follow_size(time_ns, (frame.width, frame.height))
        if time_ns is not None:
            blocks = blocks_of(frame)
            black = is_black(blocks, full_range=has_full_range(frame))
            self._stillness.update(time_ns, blocks, black=black)

    def _peek(self, packet: Packet[Stream]) -> None:
        """Decodes up to the first frame, as only frames tell how they are turned."""
        if self._display is not None or self.packets.packets > PEEK or not packet.size:
            return
        with contextlib.suppress(av.FFmpegError):
            for frame in self._stream.decode(packet):
                self._show(frame)

    def _show(self, frame: VideoFrame) -> None:
        """Notes how a player shows frames, unless it is known."""
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        self._display = self._display or display_of(
            frame.width, frame.height, aspect, frame.rotation
        )

    def _follow_size(self, time_ns: int | None, size: tuple[int, int]) -> None:
        before, self._size = self._size, size
        if before is None or before == size:
            return
        self._size_changes += 1
        if len(self._sizes) < SIZES:
            self._sizes.append(SizeChange(self._zero.seconds(time_ns), *size))

    def finish(self) -> VideoReport:
        """The report, once all has passed."""
        for time_ns, lasts_ns in self._order.rest():
            self._intervals.add(time_ns, lasts_ns)
        end_ns = self._intervals.end_ns
        if end_ns is not None:
            self._stillness.close(end_ns)
        start_s, end_s = self._zero.seconds(self._intervals.first_ns), self._zero.seconds(end_ns)
        decoded = self._decoder is not None
        watched = decoded and end_ns is not None
        return VideoReport(
            index=self._stream.index,
            header=self._header,
            start_s=start_s,
            end_s=end_s,
            traffic=self.packets.report(start_s, end_s),
            decoding=self._decoder.report(self._zero) if self._decoder else None,
            times=_times(self._intervals, self._zero),
            key_frames=_key_frames(self._key_frames),
            size_changes=self._size_changes if decoded else None,
            sizes=tuple(self._sizes),
            still=self._zero.stretches(self._stillness.still) if watched else None,
            black=self._zero.stretches(self._stillness.black) if watched else None,
            display=self._display,
        )


def display_of(width: int, height: int, aspect: Fraction, rotation_deg: int) -> Display:
    """How a frame is shown: pixels are stretched to squares first, then the frame is turned."""
    shown = (round(width * aspect), height)
    if rotation_deg % 180:
        shown = shown[::-1]
    return Display(*shown, rotation_deg)


def _header(stream: VideoStream) -> VideoHeader:
    context = stream.codec_context
    return VideoHeader(
        codec=context.codec.canonical_name,
        profile=stream.profile,
        width=context.width,
        height=context.height,
        pixel_format=context.pix_fmt,
        average_fps=float(stream.average_rate) if stream.average_rate else None,
        time_base=str(stream.time_base),
        tags=dict(stream.metadata),
        sample_aspect_ratio=_ratio(stream.sample_aspect_ratio),
    )


def _ratio(aspect: Fraction | None) -> str | None:
    return f"{aspect.numerator}:{aspect.denominator}" if aspect else None


def _times(intervals: Intervals, zero: Zero) -> FrameTimes:
    steps = intervals.steps
    median_ns = steps.quantile(0.5)
    threshold_ns = intervals.gap_threshold_ns
    return FrameTimes(
        mean_fps=_per_s(intervals.mean_ns),
        median_fps=_per_s(median_ns),
        interval_median_s=_seconds(median_ns),
        interval_p95_s=_seconds(steps.quantile(0.95)),
        interval_max_s=_seconds(steps.maximum),
        jitter_s=_seconds(steps.deviation(0.95)),
        gap_threshold_s=_seconds(threshold_ns),
        gaps=None if threshold_ns is None else zero.listed(*intervals.gaps()),
        duplicate_times=intervals.duplicates,
        backward_times=zero.stretches(intervals.backward),
        missing_times=intervals.missing,
    )


def _key_frames(intervals: Intervals) -> KeyFrames:
    farthest_ns = intervals.steps.maximum
    return KeyFrames(intervals.count, _seconds(intervals.mean_ns), _seconds(farthest_ns))


def _per_s(interval_ns: float | None) -> float | None:
    return None if interval_ns is None else NS / interval_ns


def _seconds(duration_ns: float | None) -> float | None:
    return None if duration_ns is None else duration_ns / NS
