"""How late the frames of one RTP stream arrive, and what that says of its clock. Pure.

A frame's delay is ``arrival - media time``. While the network is all that changes it comes back to
the same least value: after a pause of the network what it held comes faster than real time. When
the sender captured nothing and its RTP clock stood still, every later frame has the length of the
stall as additional delay. So delays that rose and then stay are a stall; those that fall again are
the network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from orchestrator.media import SECOND_NS, TrackKind

JUMP_NS: Final = 80_000_000
"""What healthy clocks and networks don't do from one frame to the next. Reports of a healthy
publisher disagree by about 10 ms, those of a clock that stood still by 100."""

WINDOW_NS: Final = 10 * SECOND_NS
"""The least delay is that of one to two such windows."""

RECENT_NS: Final = SECOND_NS // 2
"""The same for the latest delays."""

LOSSY_NS: Final = 600_000_000
"""Audio that is later than this is about to be lost (`pipes.lateness.LAG_NS`): it is judged sooner,
and also when its delay rose little by little."""

STAYS_NS: Final = {TrackKind.AUDIO: 400_000_000, TrackKind.VIDEO: 800_000_000}
"""How long delays have to stay until they are believed. Of video large frames and pacers make
delays that stay for a while, and what is late isn't lost so soon."""

STAYS_LOSSY_NS: Final = 200_000_000
"""The same for audio that is about to be lost."""

FALLING_NS: Final = 30_000_000
"""ArrivalDelays that fall by as much still fall."""

LEAST_FRAMES: Final = 4
"""So many frames are needed to say that delays stay."""


@dataclass(slots=True)
class WindowMinimum:
    """The least of the values over the last one to two windows."""

    window_ns: int
    current_ns: int = 0
    previous_ns: int = 0
    started_ns: int = 0

    def start(self, value_ns: int, now_ns: int) -> None:
        self.current_ns = self.previous_ns = value_ns
        self.started_ns = now_ns

    def add(self, value_ns: int, now_ns: int) -> None:
        if now_ns - self.started_ns >= 2 * self.window_ns:
            self.start(value_ns, now_ns)
        elif now_ns - self.started_ns >= self.window_ns:
            self.previous_ns, self.current_ns = self.current_ns, value_ns
            self.started_ns = now_ns
        self.current_ns = min(self.current_ns, value_ns)

    def value(self) -> int:
        return min(self.current_ns, self.previous_ns)

    def shift(self, by_ns: int) -> None:
        self.current_ns += by_ns
        self.previous_ns += by_ns


@dataclass(slots=True)
class _Rise:
    """ArrivalDelays that rose, and have not come back."""

    base_ns: int
    """The least delay before."""
    first_ns: int
    top_ns: int
    """The first delay since when they stay."""
    since_ns: int
    least_ns: int
    frames: int = 1

    def add(self, delay_ns: int, now_ns: int) -> None:
        if delay_ns < self.top_ns - FALLING_NS:
            self.top_ns = self.least_ns = delay_ns
            self.since_ns, self.frames = now_ns, 0
        self.least_ns = min(self.least_ns, delay_ns)
        self.frames += 1

    @property
    def height_ns(self) -> int:
        return self.least_ns - self.base_ns


@dataclass(slots=True)
class ArrivalDelays:
    """The delays of one stream."""

    kind: TrackKind
    _least: WindowMinimum = field(default_factory=lambda: WindowMinimum(WINDOW_NS))
    _recent: WindowMinimum = field(default_factory=lambda: WindowMinimum(RECENT_NS))
    _last_ns: int = 0
    _rise: _Rise | None = None

    def start(self, delay_ns: int, now_ns: int) -> None:
        """What was before says nothing any more."""
        self._least.start(delay_ns, now_ns)
        self._recent.start(delay_ns, now_ns)
        self._last_ns, self._rise = delay_ns, None

    def add(self, delay_ns: int, now_ns: int) -> int:
        """Takes in a frame's delay; gives by how much the clock stood still, 0 if it didn't."""
        if self._rise is None:
            self._rise = self._risen(delay_ns, now_ns)
        else:
            self._rise.add(delay_ns, now_ns)
            if self._rise.height_ns <= JUMP_NS:
                self._rise = None
        if delay_ns - self._last_ns > JUMP_NS:  # what came before belongs to another height
            self._recent.start(delay_ns, now_ns)
        self._least.add(delay_ns, now_ns)
        self._recent.add(delay_ns, now_ns)
        self._last_ns = delay_ns
        return self._stood_still(now_ns)

    def least(self) -> int:
        """The least in the last ten to twenty seconds: that of an empty network."""
        return self._least.value()

    def recent(self) -> int:
        """The least of the last second, or since the delays rose."""
        return self._recent.value()

    @property
    def rise_ns(self) -> int:
        """How much later than usual frames arrive at present."""
        return self._recent.value() - self._least.value()

    @property
    def risen(self) -> bool:
        """Whether the clock may have stood still, or the network be busy."""
        return self._rise is not None

    @property
    def undecided(self) -> bool:
        """Whether frames would be lost if the clock stood still, and nothing tells yet."""
        rise = self._rise
        return (
            rise is not None
            and self.kind is TrackKind.AUDIO
            and rise.height_ns > LOSSY_NS
            and self._last_ns > rise.first_ns - JUMP_NS
        )

    def shift(self, by_ns: int) -> None:
        """The RTP clock stood still for so long: the same numbers mean a later time."""
        self._least.shift(by_ns)
        if self._rise is None:
            return
        base_ns, recent = self._rise.base_ns + by_ns, self._recent
        now_ns, self._rise = recent.started_ns, None
        if recent.value() - base_ns > JUMP_NS:  # and stood still once more since then
            self._rise = _Rise(base_ns, recent.value(), recent.value(), now_ns, recent.value())

    def expect_later(self, by_ns: int) -> None:
        """The next frames come by so much later than the last, and that says nothing."""
        self._recent.shift(by_ns)
        self._last_ns += by_ns

    def calm(self) -> None:
        """ArrivalDelays that rose so far say nothing."""
        self._rise = None

    def _risen(self, delay_ns: int, now_ns: int) -> _Rise | None:
        before_ns = self._recent.value()
        if delay_ns - max(self._last_ns, before_ns) <= JUMP_NS:
            before_ns = self._least.value()
            if self.kind is TrackKind.VIDEO or delay_ns - before_ns <= LOSSY_NS:
                return None
        return _Rise(before_ns, delay_ns, delay_ns, now_ns, delay_ns)

    def _stood_still(self, now_ns: int) -> int:
        rise = self._rise
        if rise is None or rise.frames < LEAST_FRAMES:
            return 0
        lossy = self.kind is TrackKind.AUDIO and rise.height_ns > LOSSY_NS
        stays_ns = STAYS_LOSSY_NS if lossy else STAYS_NS[self.kind]
        return rise.height_ns if now_ns - rise.since_ns >= stays_ns else 0
