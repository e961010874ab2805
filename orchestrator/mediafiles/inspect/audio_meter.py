"""Measures one audio stream while its packets and frames pass."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Final

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

from orchestrator.mediafiles.inspect.audio_levels import Loudness, levels_of
from orchestrator.mediafiles.inspect.packets import Decoder, PacketCount, Zero
from orchestrator.mediafiles.inspect.report import AudioContent, AudioHeader, AudioReport
from orchestrator.mediafiles.inspect.statistics import Continuity
from orchestrator.mediafiles.media_file import NS, nanoseconds

UNSENT_NS: Final = 1_000_000_000
"""Longest time that an encoder leaves out of itself; libopus sends something after 0.4 s."""

_UNSENT_BYTES: Final = 2
"""Of the Opus packet that stands before it: no more than what says so (opus.h, opus_encode)."""

TOLERANCE_NS: Final = 2_000_000
"""Times of audio may be off by this much, or by two units of the time base: they are rounded."""


class AudioMeter:
    """Takes packets, and frames where they are decoded; then gives the report."""

    def __init__(self, stream: AudioStream, zero: Zero, *, decode: bool) -> None:
        self.packets = PacketCount(stream)
        self._stream = stream
        self._zero = zero
        self._header = _header(stream)
        self._decoder = Decoder(stream.decode) if decode else None
        self._priming_ns = 0
        self._continuity = Continuity(_tolerance_ns(stream.time_base))
        self._loudness = Loudness()
        self._heard = True
        self._quiet = self._before_quiet = False
        self._rate = self._header.sample_rate or 1

    def packet(self, packet: Packet[Stream]) -> None:
        """Takes a packet, and the audio that comes of it."""
        if not self.packets.packets:
            self._priming_ns = _priming_samples(packet) * NS // self._rate
        time_ns, _ = self.packets.add(packet)
        if packet.size:
            is_opus = self._header.codec == "opus"
            self._before_quiet, self._quiet = self._quiet, is_opus and packet.size <= _UNSENT_BYTES
        if self._decoder is not None:
            for frame in self._decoder.decode(packet, time_ns):
                self._frame(frame)

    def _frame(self, frame: AudioFrame) -> None:
        if not frame.samples:
            return
        self._rate = frame.sample_rate
        said_ns = nanoseconds(frame.pts, self._stream.time_base)
        gaps, ended_ns = self._continuity.gaps.count, self._continuity.end_ns
        unsent = self._is_unsent(ended_ns, said_ns)
        start_ns = self._continuity.add(said_ns, frame.samples, frame.sample_rate, unsent=unsent)
        if ended_ns is not None and self._continuity.gaps.count > gaps:
            self._loudness.interrupt(ended_ns)
        heard = levels_of(frame)
        if heard is None:
            self._heard = False
        else:
            self._loudness.add(start_ns, self._continuity.end_ns or start_ns, heard)

    def _is_unsent(self, ended_ns: int | None, said_ns: int | None) -> bool:
        if ended_ns is None or said_ns is None:
            return False
        return self._before_quiet and said_ns - ended_ns <= UNSENT_NS

    def finish(self) -> AudioReport:
        """The report, once all has passed."""
        if self._continuity.end_ns is not None:
            self._loudness.interrupt(self._continuity.end_ns)
        start_ns, end_ns = self._extent_ns()
        start_s, end_s = self._zero.seconds(start_ns), self._zero.seconds(end_ns)
        return AudioReport(
            index=self._stream.index,
            header=self._header,
            start_s=start_s,
            end_s=end_s,
            traffic=self.packets.report(start_s, end_s),
            decoding=self._decoder.report(self._zero) if self._decoder else None,
            sound=self._content() if self._decoder and self._decoder.frames else None,
        )

    def _extent_ns(self) -> tuple[int | None, int | None]:
        """From the first sample to the last; what a decoder only warms up with is none."""
        if self._decoder is not None:
            return self._continuity.first_ns, self._continuity.latest_ns
        first_ns = self.packets.first_ns
        return None if first_ns is None else first_ns + self._priming_ns, self.packets.end_ns

    def _content(self) -> AudioContent:
        continuity, loudness = self._continuity, self._loudness
        extent_ns = (continuity.latest_ns or 0) - (continuity.first_ns or 0)
        missing_ns = extent_ns - continuity.lasts_ns
        return AudioContent(
            sample_rate=self._rate,
            samples=continuity.samples,
            samples_expected=continuity.samples + round(missing_ns * self._rate / NS),
            gaps=self._zero.stretches(continuity.gaps),
            overlaps=self._zero.stretches(continuity.overlaps),
            missing_times=continuity.missing,
            silence=self._zero.stretches(loudness.silence) if self._heard else None,
            peak=loudness.peak if self._heard else None,
            rms=loudness.rms if self._heard else None,
            full_scale_samples=loudness.full_scale if self._heard else None,
            unsent=self._zero.stretches(continuity.unsent),
        )


def _header(stream: AudioStream) -> AudioHeader:
    context = stream.codec_context
    return AudioHeader(
        codec=context.codec.canonical_name,
        profile=stream.profile,
        sample_rate=context.sample_rate or None,
        channels=context.channels,
        # PCM in Matroska says how many channels there are, not which.
        layout=_LAYOUTS.get(context.layout.name, context.layout.name),
        sample_format=context.format.name if context.format else None,
        time_base=str(stream.time_base),
        tags=dict(stream.metadata),
    )


_LAYOUTS: Final = {"1 channels": "mono", "2 channels": "stereo"}


def _tolerance_ns(time_base: Fraction | None) -> int:
    return max(TOLERANCE_NS, 2 * (nanoseconds(1, time_base) or 0))


def _priming_samples(packet: Packet[Stream]) -> int:
    """Samples that the decoder leaves out at the beginning (AV_PKT_DATA_SKIP_SAMPLES)."""
    if not packet.has_sidedata("skip_samples"):
        return 0
    skipped: int = struct.unpack_from("<I", bytes(packet.get_sidedata("skip_samples")))[0]
    return skipped
