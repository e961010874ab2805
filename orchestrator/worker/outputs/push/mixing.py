"""Several microphones as one audio track: decoded and added up on the recording's clock.

ffmpeg's `amix` waits for each of its inputs, and a microphone that is muted or left sends nothing:
here nobody is waited for, who comes later joins, and where nobody speaks there is silence. What is
too loud together is turned down before it is ffmpeg's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import av
import numpy as np

from orchestrator.mixing.decoder import BLOCK, CHANNELS, RATE, STEADY, Decoder, Samples
from orchestrator.mixing.limiter import Limited, Limiter

LONGEST_SILENCE_S: Final = 1.0
"""What is filled; behind a longer gap the audio goes on where it begins again, as video does."""
_MOST: Final = 20 * RATE
"""Samples held at most: what lies further ahead is left out."""

Block = tuple[int, bytes]
"""Its first sample's number, and `BLOCK` samples as s16 in stereo."""


class Mixer:
    """`add` packets in the order of the file, then `take` what nothing can be added to any more.

    `finish` gives the rest: the limiter holds some milliseconds, and blocks are whole.
    """

    def __init__(self) -> None:
        self._microphones: dict[int, _Microphone] = {}
        self._at: int | None = None
        """The sample at which `_sum` begins, on the recording's clock."""
        self._sum: Samples = np.zeros((0, CHANNELS), np.int32)
        self._blocks = _Blocks(0)
        self._before_gap: list[Block] = []
        self.undecodable = 0
        """Packets."""

    def begin(self, time_s: float) -> None:
        """What follows begins there: at first, and behind a gap."""
        at = round(time_s * RATE)
        if self._at is None or at > self._at + len(self._sum) + LONGEST_SILENCE_S * RATE:
            if self._at is not None:
                self._before_gap += self.finish(self.end_s)
            self._at, self._sum, self._blocks = at, self._sum[:0], _Blocks(at)

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

    def take(self, until_s: float) -> Iterator[Block]:
        """Whole blocks of what was before this time, as far as the limiter need not look ahead; a
        packet of this time may begin `STEADY` before it.
        """
        yield from self._left_before_gap()
        if self._at is not None:
            yield from self._blocks.push(self._cut(until_s - STEADY / RATE))

    def finish(self, until_s: float) -> Iterator[Block]:
        """All up to this time: nothing follows, or a gap. The last block ends in silence."""
        yield from self._left_before_gap()
        if self._at is not None:
            yield from self._blocks.push(self._cut(until_s))
            yield from self._blocks.flush()

    def _left_before_gap(self) -> list[Block]:
        left, self._before_gap = self._before_gap, []
        return left

    def _cut(self, until_s: float) -> Samples:
        """The sum up to there; nothing comes to it any more."""
        assert self._at is not None
        count = max(int(until_s * RATE) - self._at, 0)
        cut, self._sum = self._sum[:count], self._sum[count:]
        self._at += count
        return np.pad(cut, ((0, count - len(cut)), (0, 0)))

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


class _Blocks:
    """What the limiter gives, in blocks that are seamless from `at` on."""

    def __init__(self, at: int) -> None:
        self._at, self._limiter = at, Limiter()
        self._made: Limited = np.zeros((0, CHANNELS), np.int16)

    def push(self, samples: Samples) -> Iterator[Block]:
        self._made = np.concatenate((self._made, self._limiter.push(samples)))
        return self._whole()

    def flush(self) -> Iterator[Block]:
        made = np.concatenate((self._made, self._limiter.flush()))
        self._made = np.pad(made, ((0, -len(made) % BLOCK), (0, 0)))
        return self._whole()

    def _whole(self) -> Iterator[Block]:
        while len(self._made) >= BLOCK:
            block, self._made = self._made[:BLOCK], self._made[BLOCK:]
            yield self._at, block.tobytes()
            self._at += BLOCK


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
