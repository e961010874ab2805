"""The clock that a participant's sender reports share, which may be set at any time. Pure.

A report whose NTP and RTP times are further apart than before says that one of both clocks jumped.
If it was the RTP clock, frames arrive later (or earlier) by as much since then. If they don't, the
sender's wall clock was set, and all its tracks' reports are to be read with that step taken off.
The next report of another track shows the same step, or disproves it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from orchestrator.sources.clock.arrival_delays import JUMP_NS
from orchestrator.sources.clock.sender_clock import ntp_ns
from orchestrator.sources.clock.stream_clock import YOUNG, StreamClock


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A step of the wall clock that only one track's reports have shown so far."""

    track: StreamClock
    step_ns: int
    moment_ns: int
    """Local time of the moment that its report is of."""


class WallClock:
    """One participant's, as the reports of all its tracks show it."""

    def __init__(self) -> None:
        self._stepped_ns = 0
        """By how much it was set since its first report."""
        self._doubt: _Doubt | None = None

    def forget(self, track: StreamClock) -> None:
        """The track is gone."""
        if self._doubt is not None and track is self._doubt.track:
            self._doubt = None

    def learn(
        self,
        track: StreamClock,
        rtp: int,
        ntp: int,
        arrival_ns: int,
        others: Collection[StreamClock] = (),
    ) -> None:
        """Takes in a report of a track that has had a frame; `others` are the participant's."""
        media_ns = track.media_of(rtp, arrival_ns)
        if media_ns is None:
            return
        difference_ns = ntp_ns(ntp) - self._stepped_ns - media_ns
        if track.sender is None:
            track.believe(media_ns, difference_ns)
            return
        error_ns = difference_ns - track.sender.at(media_ns)
        moment_ns = media_ns + (track.offset_ns or 0)
        if (back_ns := self._disproves(track, error_ns, moment_ns)) != 0:
            difference_ns, error_ns = difference_ns + back_ns, error_ns + back_ns
        if abs(error_ns) <= JUMP_NS:
            doubtful = self._doubt is not None and self._doubt.track is track
            if not doubtful:
                self._doubt = None  # both show it
            track.refine(media_ns, difference_ns, doubtful=doubtful)
        elif track.is_early(error_ns, media_ns, arrival_ns):
            return
        elif track.bears_out(error_ns):
            track.follow(error_ns)
            track.believe(media_ns, difference_ns)
        elif track.was_assumed(-error_ns, others):
            for each in (track, *others):
                each.way_is_longer(-error_ns, arrival_ns)
            track.believe(media_ns, difference_ns)
        else:
            before_ns = self._doubt.step_ns if self._doubt and self._doubt.track is track else 0
            self._stepped_ns += error_ns
            self._doubt = _Doubt(track, before_ns + error_ns, moment_ns)

    def _disproves(self, track: StreamClock, error_ns: int, moment_ns: int) -> int:
        """Whether a report shows that the clock was not set: gives the step taken back."""
        doubt = self._doubt
        if doubt is None or doubt.track is track or moment_ns < doubt.moment_ns:
            return 0
        if abs(error_ns) <= JUMP_NS or abs(error_ns + doubt.step_ns) > JUMP_NS:
            return 0
        self._doubt = None
        self._stepped_ns -= doubt.step_ns
        young = min(doubt.track.reports, track.reports) < YOUNG
        doubt.track.disproved(doubt.step_ns, moment_ns, young=young)
        return doubt.step_ns
