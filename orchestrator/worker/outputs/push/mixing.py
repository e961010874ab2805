"""Several microphones as one audio track: decoded and added up on the recording's clock.

ffmpeg's `amix` waits for each of its inputs, and a microphone that is muted or left sends nothing:
here nobody is waited for, who comes later joins, and where nobody speaks there is silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt

RATE: Final = 48_000
CHANNELS: Final = 2
LAYOUT: Final = "stereo"
BLOCK: Final = 960
"""Samples of what is given out at a time: 20 ms."""
LONGEST_SILENCE_S: Final = 1.0
"""What is filled; behind a longer gap the audio goes on where it begins again, as video does."""
_STEADY: Final = RATE // 100
"""Times of packets are rounded to milliseconds, and a clock drifts: one that comes within so many
samples of where the one before ended goes on there."""
_MOST: Final = 20 * RATE
"""Samples held at most: what lies further ahead is left out."""

Samples = npt.NDArray[np.int32]


class Mixer:
    """`add` packets in the order of the file, then `take` what nothing can be added to any more."""

    def __init__(self) -> None:
        self._microphones: dict[int, _Microphone] = {}
        self._at: int | None = None
        """The sample at which `_sum` begins, on the recording's clock."""
        self._sum: Samples = np.zeros((0, CHANNELS), np.int32)
        self.undecodable = 0
        """Packets."""

    def begin(self, time_s: float) -> None:
        """What follows begins there: at first, and behind a gap."""
        at = round(time_s * RATE)
        if self._at is None or at > self._at + len(self._sum) + LONGEST_SILENCE_S * RATE:
            self._at, self._sum = at, self._sum[:0]

    @property
    def end_s(self) -> float:
        """Up to where there is something."""
        return ((self._at or 0) + len(self._sum)) / RATE

    def add(self, packet: Any) -> None:
        """A packet of any microphone, with its times on the recording's clock."""
        try:
            for at, samples in self._of(packet.stream).decode(packet):
                self._add(at, samples)
        except (av.FFmpegError, ValueError):
            self.undecodable += 1

    def take(self, until_s: float) -> Iterator[tuple[int, bytes]]:
        """Whole blocks before this time: each with its first sample's number, as s16 in stereo."""
        if self._at is None:
            return
        while self._at + BLOCK <= until_s * RATE:
            block, self._sum = self._sum[:BLOCK], self._sum[BLOCK:]
            made = np.zeros((BLOCK, CHANNELS), np.int16)
            made[: len(block)] = np.clip(block, -32768, 32767)
            yield self._at, made.tobytes()
            self._at += BLOCK

    def _of(self, stream: Any) -> _Microphone:
        known = self._microphones.get(stream.index)
        if known is None or not known.decodes(stream):
            known = self._microphones[stream.index] = _Microphone(stream)
        return known

    def _add(self, at: int, samples: Samples) -> None:
        assert self._at is not None
        first = at - self._at
        if first < 0:  # that was given out without it
            samples, first = samples[-first:], 0
        end = first + len(samples)
        if not len(samples) or end > _MOST:
            return
        if end > len(self._sum):
            more = np.zeros((end - len(self._sum), CHANNELS), np.int32)
            self._sum = np.concatenate([self._sum, more])
        self._sum[first:end] += samples


class _Microphone:
    """One track's decoder, which goes on from fragment to fragment."""

    def __init__(self, stream: Any) -> None:
        context = stream.codec_context
        self._kind = _kind(stream)
        self._decoder: Any = av.CodecContext.create(context.name, "r")
        self._decoder.extradata = context.extradata
        self._decoder.sample_rate = context.sample_rate
        self._decoder.layout = context.layout.name
        self._resampler = av.AudioResampler("s16", LAYOUT, RATE)
        self._next: int | None = None

    def decodes(self, stream: Any) -> bool:
        return _kind(stream) == self._kind

    def decode(self, packet: Any) -> Iterator[tuple[int, Samples]]:
        at = round(packet.pts * packet.time_base * RATE)
        if self._next is None or abs(at - self._next) > _STEADY:
            self._next = at
        for frame in self._decoder.decode(packet):
            frame.pts = None
            for made in self._resampler.resample(frame):
                samples = made.to_ndarray().reshape(-1, CHANNELS).astype(np.int32)
                yield self._next, samples
                self._next += len(samples)


def _kind(stream: Any) -> tuple[Any, ...]:
    context = stream.codec_context
    return context.name, context.extradata, context.sample_rate, context.layout.name
