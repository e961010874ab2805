"""The sender's times as this machine's monotonic time. Pure: no clock, no I/O.

A connection's streams have one clock, the sender's, so all of them get one offset: what was sent
together stays together to the microsecond, whatever comes late or in a burst. The offset is the
least of ``arrival - sender's time`` lately, as a packet may come late, never early. It is found
before the first frame goes on: a server that has kept the last seconds for us sends them at once,
and what is the present is known when packets come no faster than time passes. From then on it
follows slowly, which follows the drift of the sender's clock against ours.

A sender's clock may leap: then an offset begins that puts the next packet at its arrival. A leap
that arrivals bear out is a gap, and moves nothing.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from orchestrator.media import SECOND_NS

STEADY_NS: Final = 300_000_000
"""Packets have come no faster than time passes for so long: the burst at the beginning is over."""

LONGEST_BURST_NS: Final = 3 * SECOND_NS
"""A sender that is faster for longer is taken for what it is."""

_FASTER_NS: Final = 20_000_000
"""By so much packets have to come earlier than those before to count as a burst."""

LEAP_NS: Final = SECOND_NS
"""A step of a stream's time that is no frame's."""

BORNE_OUT_NS: Final = 1_500_000_000
"""By how much a leap may differ from the time that has passed, and still be a gap."""

STALL_NS: Final = 500_000_000
"""All packets of `WINDOW_S` came so late: the sender's clock stood still."""

WINDOW_S: Final = 10

SLEW: Final = 0.0005
"""Seconds per second towards the arrivals: more than any crystal drifts, too little to hear."""

_LOOKED_AT: Final = 20
_STANDS_STILL_NS: Final = 10_000_000
"""So many packets of a stream never fit into so short a time: its clock ran back, and the muxer
only counts up from where it was."""


class _Epoch:
    """A time in which the sender's clock doesn't leap: one offset, and how late packets came."""

    def __init__(self, offset_ns: int, arrival_ns: int) -> None:
        self.offset_ns = offset_ns
        self._began_ns = self._moved_ns = arrival_ns
        self._least: deque[tuple[int, int]] = deque(maxlen=WINDOW_S)
        """For each second in which packets came, the least of their offsets."""

    def arrive(self, media_ns: int, arrival_ns: int) -> None:
        """Takes a packet in, and moves the offset towards the least of the last seconds."""
        second, offset_ns = arrival_ns // SECOND_NS, arrival_ns - media_ns
        if self._least and self._least[-1][0] == second:
            self._least[-1] = (second, min(self._least[-1][1], offset_ns))
        else:
            self._least.append((second, offset_ns))
        passed_ns = max(arrival_ns - self._moved_ns, 0)
        self._moved_ns = arrival_ns
        least_ns = min(least for _, least in self._least)
        off_ns = least_ns - self.offset_ns
        if off_ns > STALL_NS and arrival_ns - self._began_ns > WINDOW_S * SECOND_NS:
            if len(self._least) == WINDOW_S:
                self.offset_ns = least_ns
            return
        most = int(passed_ns * SLEW)
        self.offset_ns += max(-most, min(most, off_ns))


class _Stream:
    """One stream's packets."""

    def __init__(self, epoch: _Epoch | None) -> None:
        self.epoch = epoch
        self.media_ns: int | None = None
        self.newest: deque[int] = deque(maxlen=_LOOKED_AT)


class SenderTime:
    """Times for the packets of one connection: `arrive` for each, then `time_ns`."""

    def __init__(self) -> None:
        self.settled = False
        """Whether it is known which time is now."""
        self.ran_back = False
        """The sender's clock ran back: nothing that comes now has a time that means anything."""
        self._epoch: _Epoch | None = None
        self._streams: dict[int, _Stream] = {}
        self._first_ns = self._faster_ns = self._least_ns = 0
        self._newest_ns = -(1 << 62)
        """The latest time that was given."""

    def arrive(self, stream: int, media_ns: int, arrival_ns: int) -> None:
        """A packet of a stream with the sender's time of showing."""
        known = self._streams.setdefault(stream, _Stream(self._epoch))
        if self._epoch is None or not self.settled:
            self._begin(media_ns, arrival_ns)
        before, known.media_ns = known.media_ns, media_ns
        known.epoch = known.epoch or self._epoch
        if before is not None and abs(media_ns - before) > LEAP_NS and self.settled:
            self._leapt(known, media_ns - before, media_ns, arrival_ns)
        if self.settled and known.epoch is not None:
            known.epoch.arrive(media_ns, arrival_ns)
        self._look_back(known, media_ns)

    def time_ns(self, stream: int, media_ns: int) -> int:
        """Local time of a packet that has arrived; once settled."""
        epoch = self._streams[stream].epoch or self._epoch
        assert epoch is not None
        time_ns = media_ns + epoch.offset_ns
        self._newest_ns = max(self._newest_ns, time_ns)
        return time_ns

    def settle(self) -> None:
        """Nothing more comes, or nobody waits any longer."""
        self.settled = True

    def _begin(self, media_ns: int, arrival_ns: int) -> None:
        """The offset is the least so far; settled when it has stayed for a while."""
        offset_ns = arrival_ns - media_ns
        if self._epoch is None:
            self._epoch = _Epoch(offset_ns, arrival_ns)
            self._first_ns = self._faster_ns = arrival_ns
            self._least_ns = offset_ns
        elif offset_ns < self._least_ns - _FASTER_NS:
            self._faster_ns, self._least_ns = arrival_ns, offset_ns
        self._epoch.offset_ns = min(self._epoch.offset_ns, offset_ns)
        steady = arrival_ns - self._faster_ns >= STEADY_NS
        self.settled = steady or arrival_ns - self._first_ns >= LONGEST_BURST_NS

    def _leapt(self, known: _Stream, step_ns: int, media_ns: int, arrival_ns: int) -> None:
        assert known.epoch is not None
        assert self._epoch is not None
        for epoch in (known.epoch, self._epoch):
            early_ns = media_ns + epoch.offset_ns - arrival_ns
            late = early_ns < 0 and (step_ns > 0 or early_ns > -BORNE_OUT_NS)
            if late or 0 <= early_ns <= BORNE_OUT_NS:
                known.epoch = epoch
                return
        begins_ns = max(arrival_ns, self._newest_ns)
        known.epoch = self._epoch = _Epoch(begins_ns - media_ns, arrival_ns)

    def _look_back(self, known: _Stream, media_ns: int) -> None:
        newest = max(known.newest[-1], media_ns) if known.newest else media_ns
        leapt_back = bool(known.newest) and media_ns < known.newest[-1] - LEAP_NS
        if leapt_back:
            known.newest.clear()
            newest = media_ns
        known.newest.append(newest)
        full = len(known.newest) == _LOOKED_AT
        if full and known.newest[-1] - known.newest[0] < _STANDS_STILL_NS:
            self.ran_back = True
