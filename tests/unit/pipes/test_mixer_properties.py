"""The mixer against plain addition, for whatever comes without drift."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from orchestrator.pipes.limiter import Sum
from orchestrator.pipes.mixer import GAP_SAMPLES, WINDOW_SAMPLES, Mixer
from orchestrator.pipes.timeline_items import Samples

OPERATIONS = 30
FAR = WINDOW_SAMPLES + 60_000


@dataclass(frozen=True)
class Push:
    """A frame `gap` samples behind where its publication's audio ends, or is given out."""

    sid: str
    gap: int
    count: int
    level: int


@dataclass(frozen=True)
class Pull:
    """Time passed: up to `ahead` samples further."""

    ahead: int


@dataclass
class Total:
    """The mix as one long array: every sample added where it belongs."""

    mix: NDArray[np.int32] = field(default_factory=lambda: np.zeros(OPERATIONS * FAR, np.int32))
    came: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(OPERATIONS * FAR, np.bool_))
    heads: dict[str, int] = field(default_factory=dict)
    given: int = 0
    laid: int = 0
    late: int = 0
    early: int = 0

    def push(self, sid: str, at: int, samples: Samples) -> None:
        """What may be heard: not yet given out, not given out already, within the window."""
        limit = self.given + WINDOW_SAMPLES
        places = np.arange(at, at + len(samples))
        late = places < max(self.given, self.heads.get(sid, self.given))
        early = places >= limit
        heard = ~(late | early)
        self.mix[places[heard]] += samples[heard, 0]
        self.came[places[heard]] = True
        self.laid += int(heard.sum())
        self.late += int(late.sum())
        self.early += int(early.sum())
        end = min(at + len(samples), limit)
        self.heads[sid] = max(self.heads.get(sid, end), end)

    def check(self, pieces: list[Sum]) -> None:
        """What was given out is the sum, from where it ended before."""
        for item in pieces:
            first, self.given = self.given, self.given + item.count
            expected = self.mix[first : self.given]
            if item.samples is None:
                assert not self.came[first : self.given].any()
            else:
                assert (item.samples == expected[:, np.newaxis]).all()


# Frames less than GAP_SAMPLES off follow the one before instead: that is drift.
gaps = (
    st.just(0)
    | st.integers(GAP_SAMPLES, 5000)
    | st.integers(-3000, -GAP_SAMPLES)
    | st.sampled_from([WINDOW_SAMPLES - 500, FAR])
)
pushes = st.builds(
    Push,
    sid=st.sampled_from("abc"),
    gap=gaps,
    count=st.integers(0, 2000),
    level=st.sampled_from([1, -7, 20_000, -20_000, 32_000]),
)
pulls = st.builds(Pull, st.integers(-100, 6000) | st.just(FAR))
expectations = st.frozensets(st.sampled_from("abc"))


@given(st.lists(pushes | pushes | pulls | expectations, max_size=OPERATIONS))
@settings(max_examples=300)
def test_the_mix_is_the_sum_of_what_came_in_time(
    operations: list[Push | Pull | frozenset[str]],
) -> None:
    mixer, total, received = Mixer(), Total(), 0
    for operation in operations:
        match operation:
            case Push(sid, gap, count, level):
                at = total.heads.get(sid, total.given) + gap
                samples = np.repeat(level + np.arange(count) % 50, 2).reshape(-1, 2)
                mixer.push(sid, at, samples.astype(np.int16))
                total.push(sid, at, samples.astype(np.int16))
                received += count
                total.check(mixer.pull(mixer.ready))
            case Pull(ahead):
                total.check(mixer.pull(mixer.position + ahead))
            case sids:
                mixer.expect(sids)
                total.heads = {s: h for s, h in total.heads.items() if s in sids or h > total.given}
        assert mixer.position == total.given
        assert mixer.furthest <= mixer.position + WINDOW_SAMPLES
    total.check(mixer.pull(mixer.furthest))
    counts = mixer.statistics()
    assert (counts.received, counts.written) == (received, total.given)
    assert (counts.late, counts.early) == (total.late, total.early)
    assert received == total.laid + counts.late + counts.early
    assert counts.filled == total.given - int(total.came[: total.given].sum())


@given(st.lists(pushes, max_size=OPERATIONS), expectations)
def test_nobody_who_is_expected_is_passed_over(
    operations: list[Push], sids: frozenset[str]
) -> None:
    """Without a pull by time, audio in order is never late, however far ahead the others are."""
    mixer, ends = Mixer(), dict.fromkeys(sids, 0)
    mixer.expect(sids)
    for push in operations:
        at = ends.get(push.sid, mixer.position) + max(push.gap, 0) % WINDOW_SAMPLES
        mixer.push(push.sid, at, np.ones((push.count, 2), np.int16))
        if push.sid in ends:
            ends[push.sid] = at + push.count
        mixer.pull(mixer.ready)
        assert all(mixer.position <= end for end in ends.values())
