"""The limiter beside FFmpeg's `alimiter`: what is heard beside loud tones, and what it takes."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from orchestrator.mixing.limiter import CEILING, FULL_SCALE, Limiter, Sums
from tests.kit.signals.sines import CHORDS, RATE, chord, foreign_db

pytestmark = pytest.mark.measures

SECONDS = 10
BLOCK = 4800
"""Samples that the timeline gives at once, 0.1 s."""


def limited(sums: Sums) -> NDArray[Any]:
    limiter = Limiter()
    parts = [limiter.push(sums[at : at + BLOCK]) for at in range(0, len(sums), BLOCK)]
    return np.concatenate([*parts, limiter.flush()])


def alimiter(sums: Sums, release_ms: int) -> NDArray[Any]:
    """With its delay taken out (`latency`), and no gain of its own (`level`)."""
    graph = av.filter.Graph()
    base = Fraction(1, RATE)
    source: Any = graph.add_abuffer(format="dbl", sample_rate=RATE, layout="stereo", time_base=base)
    limit = f"limit=0.95:level=disabled:latency=1:attack=5:release={release_ms}"
    filter, sink = graph.add("alimiter", limit), graph.add("abuffersink")
    source.link_to(filter)
    filter.link_to(sink)
    graph.configure()
    parts: list[NDArray[Any]] = []
    for at in [*range(0, len(sums), BLOCK), None]:
        frame = None
        if at is not None:
            data = (sums[at : at + BLOCK] / 2**15).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(data, "dbl", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, at, base
        source.push(frame)
        parts += _given(sink)
    return np.concatenate(parts) * 2**15


def _given(sink: Any) -> list[NDArray[Any]]:
    found: list[NDArray[Any]] = []
    while True:
        try:
            found.append(sink.pull().to_ndarray().reshape(-1, 2))
        except (av.BlockingIOError, av.EOFError):
            return found


def _microseconds(sums: Sums) -> float:
    """CPU time for 20 ms, the least of five."""
    took = []
    for _ in range(5):
        begin_s = time.process_time()
        limited(sums)
        took.append(time.process_time() - begin_s)
    return 1e6 * min(took) / (50 * SECONDS)


def test_it_is_cleaner_than_alimiter() -> None:
    for tones, _ in CHORDS:
        sums = chord(tones, SECONDS * RATE)
        ours = limited(sums)
        clipped = np.clip(sums, -FULL_SCALE - 1, FULL_SCALE)
        found = [foreign_db(each[RATE:, 0], tones) for each in (ours, clipped)]
        theirs = [foreign_db(alimiter(sums, ms)[RATE:, 0], tones) for ms in (50, 100, 1000)]
        print(
            f"{tones}: {found[0]:.0f} dB beside them, clipped {found[1]:.0f}, alimiter with a"
            f" release of 50, 100 and 1000 ms {', '.join(f'{each:.0f}' for each in theirs)}"
        )
        assert np.abs(ours).max() <= CEILING + 1
        assert found[0] < min(theirs)
    print(f"20 ms: {_microseconds(sums):.0f} us, quiet {_microseconds(sums // 8):.0f} us")
    assert _microseconds(sums) < 400, "2 % of a core at most, whatever else runs"
