"""One RTP stream's time: its offset to this machine's time, and to its sender's clock. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from orchestrator.media import SECOND_NS, TrackKind
from orchestrator.sources.clock.arrival_delays import JUMP_NS, ArrivalDelays
from orchestrator.sources.clock.sender_clock import SenderClock, unwrap

AHEAD_NS: Final = 1 * SECOND_NS
BEHIND_NS: Final = 10 * SECOND_NS
"""Timestamps this far from what arrivals allow are another time line, not the network."""

LEAP_NS: Final = 40_000_000
"""A timestamp so much further ahead than any lately is a fault, like one that runs back: it changes
nothing, unless the next one is like it."""

REPORT_AHEAD_NS: Final = 5 * SECOND_NS
REPORT_BEHIND_NS: Final = 10 * SECOND_NS
"""How far a report's RTP time may be from what arrives when it does. Frames wait in a pacer and
reports don't; an idle sender (aiortc) repeats the report of its last frame."""

MOST_EARLY: Final = 5
"""Reports in a row that may be made before the clock stood still; LiveKit sends one each 3 s, and
publishers one each 7.5 s at least."""

YOUNG: Final = 3
"""A stream with fewer reports than this takes what the newest says."""

ODD_NS: Final = 10 * SECOND_NS
"""The others take it when their reports have said it for so long: what another stream's say may be
older, by as much as an SFU goes on from one report."""


@dataclass(slots=True)
class StreamClock:
    """One RTP stream."""

    stream: int
    kind: TrackKind
    rate: int
    floor_ns: int
    """Time of the publication's latest frame; nothing goes out at or before it."""
    lateness_ns: int = 0
    """How much later than its place it is thought to arrive (encoding, pacing)."""
    media_ns: int = 0
    """Of the latest frame that arrived."""
    arrival_ns: int = 0
    idle_ns: int = 0
    """How long nothing had come before the frame that is placed next."""
    offset_ns: int | None = None
    sender: SenderClock | None = None
    waiting: tuple[int, int, int] | None = None
    """A report that came before the first frame was decoded: RTP, NTP, arrival."""
    reports: int = 0
    odd_since_ns: int | None = None
    """Since when neither arrivals nor another stream's reports bear out its own."""
    assumed_ns: int = 0
    """By how much the clock is thought to have stood still since the last report."""
    usual_ns: int = 0
    """The least delay when the last report was taken in."""
    early: int = 0
    """Reports in a row that were too early to be judged."""
    began_ns: int = 0
    """Arrival of the first frame."""
    settled: bool = True
    right: bool = False
    """It has been in its place beside the master, and reports did not put it far off since."""
    delays: ArrivalDelays = field(init=False)
    _stray: tuple[int, int] | None = None
    """Delay and arrival of the latest frame that leapt and changed nothing."""
    _strays: int = 0
    """How many of them came in a row."""
    _placed: tuple[int, int] | None = None
    """Media time and delay of the frame that was placed last."""
    _step_ns: int = 0
    """How much later it was than the one before."""

    def __post_init__(self) -> None:
        self.delays = ArrivalDelays(self.kind)

    # -- arrivals

    def arrive(self, rtp: int, arrival_ns: int) -> int:
        """Takes in a frame's arrival; gives how much later than before frames arrive for good."""
        media_ns = rtp * SECOND_NS // self.rate
        delay_ns = arrival_ns - media_ns
        if self.offset_ns is None:
            self.offset_ns = delay_ns - self.lateness_ns
            self.delays.start(delay_ns, arrival_ns)
            self.usual_ns = delay_ns
            self.media_ns = media_ns
            self.arrival_ns = self.began_ns = arrival_ns
        if self._leaps(media_ns, delay_ns, (self.media_ns, self.arrival_ns - self.media_ns)):
            if self._is_stray(delay_ns, arrival_ns):
                return 0
            self._placed = None
            if self._is_elsewhere(delay_ns):
                self.stood_still(delay_ns - self.delays.least())
                self.delays.start(delay_ns, arrival_ns)
        self._strays = 0
        rise_ns = self.delays.add(delay_ns, arrival_ns)
        self.idle_ns = max(self.idle_ns, arrival_ns - self.arrival_ns)
        self.media_ns, self.arrival_ns = media_ns, arrival_ns
        return rise_ns

    @property
    def undecided(self) -> bool:
        """Whether the frames that follow will tell where the latest ones belong.

        The next one of video may come after seconds, and where a single one stands isn't seen.
        """
        waits = self._strays == 1 and self.kind is TrackKind.AUDIO
        return waits or self.delays.undecided

    def follow(self, rise_ns: int) -> None:
        """Frames come later by so much, and belong there."""
        self.offset_ns = (self.offset_ns or 0) + rise_ns
        if rise_ns > 0:  # else what came since is less than what was before
            self.delays.shift(rise_ns)
        self.usual_ns += rise_ns

    def stood_still(self, for_ns: int) -> None:
        """The RTP clock was set back by so much: the same numbers mean a later time."""
        self.follow(for_ns)
        self.early = 0
        if self.sender is not None:
            self.sender.shift(for_ns)
            self.assumed_ns += for_ns

    def rose_alike(self, rise_ns: int, now_ns: int) -> bool:
        """Whether this stream's frames are later by as much as another one's.

        Two stalls of different lengths are two stalls; only delays that rise little by little, as
        in a busy network, may differ by more.
        """
        alive = self.offset_ns is not None and now_ns - self.arrival_ns < SECOND_NS
        tolerance_ns = JUMP_NS if self.delays.risen else max(JUMP_NS, rise_ns // 4)
        return alive and abs(self.delays.rise_ns - rise_ns) < tolerance_ns

    def start_anew(self) -> None:
        """Its place is where it arrives; what arrived before says nothing any more."""
        self.offset_ns = self.arrival_ns - self.media_ns
        self.delays.start(self.offset_ns, self.arrival_ns)

    def by_arrivals(self) -> int:
        """Where its offset is as far as arrivals say."""
        late_ns = self.lateness_ns if self.kind is TrackKind.VIDEO else 0
        return self.delays.least() - late_ns

    def _leaps(self, media_ns: int, delay_ns: int, before: tuple[int, int] | None) -> bool:
        """Whether a frame is not where one is expected after the one `before`: media time, delay.

        What waited while the others were followed leaps only if it does from that one as well.
        """
        late_ns = delay_ns - self.delays.least()
        if not -AHEAD_NS < late_ns < BEHIND_NS or (before is not None and media_ns < before[0]):
            return True
        return late_ns < -LEAP_NS and (before is None or delay_ns < before[1] - LEAP_NS)

    def _is_stray(self, delay_ns: int, arrival_ns: int) -> bool:
        """Whether a frame that leaps is a fault: nothing before has leapt like it. B-frames are
        shown before the frame that they came behind, so each of those leaps from the ones before.
        """
        before, self._stray = self._stray, (delay_ns, arrival_ns)
        self._strays += 1
        if before is None:
            return True
        apart_ns = abs(delay_ns - before[0])
        if self._strays > 1:
            return apart_ns > AHEAD_NS
        again = arrival_ns - before[1] < SECOND_NS and apart_ns < LEAP_NS
        return self.kind is TrackKind.AUDIO or not again or self._is_elsewhere(delay_ns)

    def _is_elsewhere(self, delay_ns: int) -> bool:
        return not -AHEAD_NS < delay_ns - self.delays.least() < BEHIND_NS

    # -- reports

    def media_of(self, rtp: int, arrival_ns: int) -> int | None:
        """Media time of a report that came now; None if it fits nothing that arrives."""
        expected_ns = arrival_ns - (self.offset_ns or 0)
        media_ns = unwrap(expected_ns * self.rate // SECOND_NS, rtp) * SECOND_NS // self.rate
        near = -REPORT_BEHIND_NS < media_ns - expected_ns < REPORT_AHEAD_NS
        return media_ns if near else None

    def believe(self, media_ns: int, difference_ns: int) -> None:
        """What this report says takes the place of all before."""
        self.sender = SenderClock(self.kind, media_ns, difference_ns)
        self._took()

    def refine(self, media_ns: int, difference_ns: int, *, doubtful: bool) -> None:
        """It says what those before it did, if the sender's wall clock was set: `doubtful` as long
        as no other stream shows that as well.
        """
        assert self.sender is not None
        self.sender.add(media_ns, difference_ns)
        self._took(doubtful=doubtful)

    def _took(self, *, doubtful: bool = False) -> None:
        self.early = self.assumed_ns = 0
        self.usual_ns = self.delays.least()
        if not doubtful:
            self.reports += 1
            self.odd_since_ns = None

    def was_assumed(self, by_ns: int, others: Collection[StreamClock]) -> bool:
        """Whether a report that is off by so much says that the clock stood still for less than was
        thought, as the way became longer. Any other error is a step of the sender's wall clock.

        What is longer is the way of `others` as well.
        """
        return abs(self.assumed_ns - by_ns) <= JUMP_NS < self.assumed_ns or (
            self.assumed_ns > by_ns > 0 and any(each.is_later(by_ns) for each in others)
        )

    def is_later(self, by_ns: int) -> bool:
        """Whether frames come later by so much than when the last report was taken in."""
        return min(abs(ns - by_ns) for ns in (self.assumed_ns, self.delays.rise_ns)) <= JUMP_NS

    def way_is_longer(self, by_ns: int, now_ns: int) -> None:
        """Frames come later by so much because of the network: the clock stood still for less than
        is thought, or will be."""
        if self.sender is not None and self.assumed_ns >= by_ns - JUMP_NS:
            self.sender.shift(-by_ns)
            self.assumed_ns -= by_ns
        elif self.delays.risen:
            self.follow(by_ns)
        elif now_ns - self.arrival_ns > JUMP_NS:
            self.follow(by_ns)
            self.delays.expect_later(by_ns)

    def is_early(self, error_ns: int, media_ns: int, arrival_ns: int) -> bool:
        """Whether a report that is off by so much can't be judged by what has arrived.

        The clock may stand still now: no frame has come for as long. Or the report's RTP time has
        not come yet: the clock was set ahead just now, or stood still and the report is of before:
        an SFU goes on from the publisher's last one.
        """
        passed_ns = arrival_ns - self.arrival_ns
        if error_ns > 0:
            return max(error_ns - JUMP_NS, error_ns // 2) <= passed_ns
        if (media_ns - self.media_ns) - passed_ns <= -error_ns // 2:
            return False
        self.early += 1
        return self.early <= MOST_EARLY

    def bears_out(self, error_ns: int) -> bool:
        """Whether arrivals rose by what a report is off, rather than stayed: the clock jumped."""
        rise_ns = self.delays.recent() - self.usual_ns
        return abs(rise_ns - error_ns) < abs(rise_ns)

    def disproved(self, step_ns: int, now_ns: int, *, young: bool) -> None:
        """Another stream's reports know nothing of a step that this one's show."""
        if self.odd_since_ns is None:
            self.odd_since_ns = now_ns
        if self.sender is not None and (young or now_ns - self.odd_since_ns > ODD_NS):
            self.sender.shift(step_ns)
            self.odd_since_ns, self.reports = None, 0

    # -- places

    def settle(self, offset_ns: int) -> int:
        """All of its times stand so much later, those given out before as well."""
        by_ns = offset_ns - (self.offset_ns or 0)
        self.offset_ns, self.settled = offset_ns, True
        self.floor_ns += by_ns
        self.delays.calm()
        return by_ns

    def place(self, rtp: int, arrival_ns: int) -> int:
        """The frame's time. Time that would run back runs at a quarter of its speed instead."""
        media_ns = rtp * SECOND_NS // self.rate
        delay_ns = arrival_ns - media_ns
        if self._leaps(media_ns, delay_ns, self._placed):
            return self._place_stray(arrival_ns)
        elapsed_ns = self.elapsed_ns(rtp)
        if elapsed_ns > 0:
            self._step_ns = elapsed_ns
        self._placed = (media_ns, delay_ns)
        time_ns = media_ns + (self.offset_ns or 0)
        return self._emit(time_ns, max(1, min(elapsed_ns, SECOND_NS) // 4))

    def elapsed_ns(self, rtp: int) -> int:
        """How much media time passed since the frame that was placed last."""
        return 0 if self._placed is None else rtp * SECOND_NS // self.rate - self._placed[0]

    def _place_stray(self, arrival_ns: int) -> int:
        """Where it arrives, or just behind the last one if that is about the same."""
        behind_ns = self.floor_ns + min(self._step_ns, JUMP_NS)
        time_ns = arrival_ns - self.delays.least() + (self.offset_ns or 0)
        return self._emit(behind_ns if abs(time_ns - behind_ns) < JUMP_NS else time_ns, 1)

    def _emit(self, time_ns: int, least_step_ns: int) -> int:
        self.floor_ns = max(time_ns, self.floor_ns + least_step_ns)
        return self.floor_ns
