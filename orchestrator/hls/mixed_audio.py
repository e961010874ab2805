"""A piece's microphones as one track of Opus. Blocking: PyAV.

What is made depends on the packets around the piece alone: decoders and encoder begin before it, as
RFC 7845 §4.6 says, and what they give there is left out. So pieces are made again in any order and
by any server, and are the same bytes; each begins at the sample at which the one before ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any, Final

import av
import numpy as np

from orchestrator.hls.audio_span import ANCHOR_MS, BLOCK, LOOKAHEAD, TICKS, Span
from orchestrator.hls.fmp4 import Sample
from orchestrator.mixing.decoder import CHANNELS, LAYOUT, RATE, STEADY, Decoder, Samples, clipped

_RUN_UP: Final = 10 * BLOCK
"""What the encoder gets before the piece: with half of it, a player clicked between pieces of pure
tones, whose pitch was found five packets from the beginning."""
_ENCODER: Final = {
    # One mode only (CELT), which a decoder may go on with behind another encoder's packets.
    "application": "lowdelay",
    "frame_duration": "20",
}
BITRATE_BPS: Final = 96_000
Placed = tuple[int, Any]
"""When in the segment, in milliseconds, and an av.Packet of any of its audio tracks."""


def mixed(packets: Iterable[Placed], span: Span) -> list[Sample]:
    """One packet for each 20 ms of the span; `packets`: in any order."""
    first = span.begin - _RUN_UP + LOOKAHEAD
    total: Samples = np.zeros((span.end + LOOKAHEAD - first, CHANNELS), np.int32)
    used = [each for each in packets if span.begin_ms <= each[0] < span.end_ms]
    for _, own in groupby(sorted(used, key=_order), lambda each: each[1].stream.index):
        _add_microphone(total, first, list(own), span.decoded_ms)
    made = _encoded(total)[_RUN_UP // BLOCK :]
    times = range(span.begin, span.end, BLOCK)
    return [Sample(at, at, BLOCK, True, data) for at, data in zip(times, made, strict=True)]


def placed(packet: Any, shift_s: float) -> Placed:
    """A packet at its time and `shift_s`: of a joined file, whose times are rounded once more."""
    return round(1000 * (float(packet.pts * packet.time_base) + shift_s)), packet


def _order(one: Placed) -> tuple[int, int]:
    return one[1].stream.index, one[0]


@dataclass(slots=True)
class _Place:
    """Where a microphone's samples are put."""

    at: int | None = None
    """Of the next packet's."""
    second: int = -1
    held: int = 0
    """Samples that a resampler has taken and not given yet."""

    def next(self, at_ms: int) -> tuple[int, int]:
        """Where a packet's samples begin, and where they would if they went on: they differ where
        its own time is another by a millisecond or so."""
        own, before, second = at_ms * TICKS, self.at, at_ms // ANCHOR_MS
        goes_on = before is not None and abs(own - before) <= STEADY
        anchored, self.second = second != self.second, second
        if before is None or not goes_on:
            return own, own
        return (own if anchored else before), before


def _add_microphone(total: Samples, first: int, packets: Sequence[Placed], decoded_ms: int) -> None:
    """Adds one track's samples; `first`: the number of the sample at which the sum begins."""
    decoder, place = Decoder(packets[0][1].stream), _Place()
    for at_ms, packet in packets:
        length = _length(packet)
        at, going_on = place.next(at_ms)
        place.at = at + length
        if at_ms < decoded_ms:
            continue
        with suppress(av.FFmpegError, ValueError):  # what doesn't decode is silent
            samples = decoder.samples(packet)
            begin = first + place.held
            if at != going_on and len(samples):
                fade = np.linspace(0, 1, len(samples))[:, None]
                _add(total, going_on - begin, (samples * (1 - fade)).astype(np.int32))
                samples = (samples * fade).astype(np.int32)
            _add(total, at - begin, samples)
            place.held += length - len(samples)


def _length(packet: Any) -> int:
    """Samples of a packet; Matroska's lengths are rounded to milliseconds."""
    context = packet.stream.codec_context
    if context.name != "opus" and context.frame_size:
        return round(Fraction(RATE * context.frame_size, context.sample_rate))
    return round(float((packet.duration or 0) * packet.time_base) * RATE)


def _add(total: Samples, first: int, samples: Samples) -> None:
    begin, end = max(first, 0), min(first + len(samples), len(total))
    if begin < end:
        total[begin:end] += samples[begin - first : end - first]


def _encoded(total: Samples) -> list[bytes]:
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, LAYOUT, "s16"
    encoder.bit_rate, encoder.options = BITRATE_BPS, dict(_ENCODER)
    samples, made = clipped(total), []
    for at in range(0, len(samples), BLOCK):
        block = samples[at : at + BLOCK].reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout=LAYOUT)
        frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
        made += [bytes(packet) for packet in encoder.encode(frame)]
    return made
