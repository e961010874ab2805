"""Several microphones as one audio track: decoded and added up on the recording's clock.

ffmpeg's `amix` waits for each of its inputs, and a microphone that is muted or left sends nothing:
here nobody is waited for, who comes later joins, and where nobody speaks there is silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import av
import numpy as np

from orchestrator.mixing.decoder import BLOCK, CHANNELS, RATE, STEADY, Decoder, Samples, clipped

LONGEST_SILENCE_S: Final = 1.0
"""What is filled; behind a longer gap the audio goes on where it begins again, as video does."""
_MOST: Final = 20 * RATE
"""Samples held at most: what lies further ahead is left out."""


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
            self._add(*self._of(packet.stream).decode(packet))
        except (av.FFmpegError, ValueError):
            self.undecodable += 1

    def take(self, until_s: float) -> Iterator[tuple[int, bytes]]:
        """Whole blocks before this time: each with its first sample's number, as s16 in stereo."""
        if self._at is None:
            return
        while self._at + BLOCK <= until_s * RATE:
            block, self._sum = self._sum[:BLOCK], self._sum[BLOCK:]
            made = np.zeros((BLOCK, CHANNELS), np.int16)
            made[: len(block)] = clipped(block)
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
        self._decoder = Decoder(stream)
        self.decodes = self._decoder.decodes
        self._next: int | None = None

    def decode(self, packet: Any) -> tuple[int, Samples]:
        """The number of the first sample, and the samples."""
        at = round(packet.pts * packet.time_base * RATE)
        if self._next is None or abs(at - self._next) > STEADY:
            self._next = at
        at, samples = self._next, self._decoder.samples(packet)
        self._next += len(samples)
        return at, samples
