"""RTP time to this machine's time, for the tracks of one participant. Pure: no clock, no I/O.

Each track's RTP time has an offset to local time, in nanoseconds: ``time = rtp / rate + offset``.
Three things move the offset:

- **Arrivals.** A packet may come late, never early, so the least of ``arrival - rtp / rate`` within
  some seconds is the offset, up to the constant delay of the path. It is followed slowly, which
  also follows the drift of the sender's clock against ours.
- **Sender reports** map each track's RTP time to one clock of the sender (`reports`), so the
  difference between two tracks is known to a few milliseconds. One track, an audio track when there
  is one, is the *master* and stays on its arrivals; the others slew to their place beside it.
- **Jumps.** A report that moves by more than `JUMP_NS` means that the RTP clock stood still or was
  set: this is followed at once. So is a timestamp far from anything that arrivals allow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from orchestrator.media import SECOND_NS, TrackKind
from orchestrator.sources.reports import SenderClock, near_ns, ntp_ns

JUMP_NS: Final = 80_000_000
"""Reports of a healthy publisher disagree by about 10 ms, those of a stalled clock by 100."""

SLEW_TO_REPORTS: Final = {TrackKind.VIDEO: 0.1, TrackKind.AUDIO: 0.004}
"""Seconds per second towards the place that reports give. Pictures 10 % closer together are not
seen; sound that is stretched by more than 0.4 % (pipes.mixer, MAX_STRETCH) is heard."""

SLEW_WHEN_FAR: Final = 0.25
"""The same while it is wrong by more than `JUMP_NS`: soon right matters more than smooth."""

SLEW_TO_ARRIVALS: Final = {TrackKind.VIDEO: 0.05, TrackKind.AUDIO: 0.0005}
"""The same after arrivals. For sound more than any crystal drifts, and too little to be heard. A
video's first picture is large and comes late: the next ones show by how much."""

WINDOW_NS: Final = 10 * SECOND_NS
"""Arrivals are judged over one to two such windows."""

AHEAD_NS: Final = 1 * SECOND_NS
BEHIND_NS: Final = 10 * SECOND_NS
"""A timestamp this far from what arrivals allow is another time line, not the network."""

IDLE_NS: Final = 5 * SECOND_NS
"""A track without a frame for so long is not the master; when it comes back it may jump."""

LONG_IDLE_NS: Final = 60 * SECOND_NS
_WRAP: Final = 1 << 32


def unwrap(reference: int, value: int) -> int:
    """The number nearest to `reference` that equals `value` modulo 2**32 (RFC 3550 §5.1)."""
    return reference + ((value - reference + (_WRAP >> 1)) % _WRAP) - (_WRAP >> 1)


@dataclass(slots=True)
class _LeastDelay:
    """The least of ``arrival - media`` over the last one to two windows."""

    current_ns: int
    previous_ns: int
    started_ns: int

    def add(self, delay_ns: int, now_ns: int) -> None:
        if now_ns - self.started_ns >= WINDOW_NS:
            self.previous_ns, self.current_ns = self.current_ns, delay_ns
            self.started_ns = now_ns
        self.current_ns = min(self.current_ns, delay_ns)

    def value(self) -> int:
        return min(self.current_ns, self.previous_ns)

    def shift(self, by_ns: int) -> None:
        self.current_ns += by_ns
        self.previous_ns += by_ns


@dataclass(slots=True)
class _Track:
    """One RTP stream: its offset to local time, and to the sender's clock once reports came."""

    stream: int
    kind: TrackKind
    rate: int
    floor_ns: int
    """Time of the publication's latest frame; nothing goes out at or before it."""
    lateness_ns: int = 0
    """How much later than its place its first frame is thought to arrive."""
    rtp: int = 0
    media_ns: int = 0
    arrival_ns: int = 0
    offset_ns: int | None = None
    least: _LeastDelay = field(default_factory=lambda: _LeastDelay(0, 0, 0))
    sender: SenderClock | None = None
    waiting: tuple[int, int] | None = None
    """A report that came before the first frame."""

    def start(self, delay_ns: int, now_ns: int) -> None:
        self.offset_ns = delay_ns
        self.least = _LeastDelay(delay_ns, delay_ns, now_ns)

    def shift(self, by_ns: int) -> None:
        """The RTP clock was set back by so much: the same numbers mean a later time."""
        self.offset_ns = (self.offset_ns or 0) + by_ns
        self.least.shift(by_ns)
        if self.sender is not None:
            self.sender.shift(by_ns)

    def arrive(self, rtp: int, arrival_ns: int) -> int:
        """Takes in a frame's arrival; returns how much media time passed since the last one."""
        media_ns = rtp * SECOND_NS // self.rate
        delay_ns = arrival_ns - media_ns
        if self.offset_ns is None:
            self.start(delay_ns - self.lateness_ns, arrival_ns)
            self.media_ns = media_ns
        excess_ns = delay_ns - self.least.value()
        if not -AHEAD_NS < excess_ns < BEHIND_NS:
            self.shift(excess_ns)
        self.least.add(delay_ns, arrival_ns)
        elapsed_ns = media_ns - self.media_ns
        self.rtp, self.media_ns, self.arrival_ns = rtp, media_ns, arrival_ns
        return elapsed_ns

    def learn(self, rtp: int, ntp: int) -> None:
        """Takes in a sender report of a track that has had a frame."""
        media_ns = unwrap(self.rtp, rtp) * SECOND_NS // self.rate
        difference_ns = ntp_ns(ntp) - media_ns
        if self.sender is None:
            self.sender = SenderClock(self.kind, media_ns, difference_ns)
            return
        error_ns = difference_ns - self.sender.at(media_ns)
        if abs(error_ns) <= JUMP_NS:
            self.sender.add(media_ns, difference_ns)
            return
        # Arrivals since the clock was set belong to the new time line: judge them anew.
        self.start((self.offset_ns or 0) + error_ns, self.arrival_ns)
        self.sender = SenderClock(self.kind, media_ns, difference_ns)

    def emit(self, elapsed_ns: int) -> int:
        """The frame's time. Time that would run back runs at a quarter of its speed instead."""
        time_ns = self.media_ns + (self.offset_ns or 0)
        self.floor_ns = max(time_ns, self.floor_ns + max(1, min(elapsed_ns, SECOND_NS) // 4))
        return self.floor_ns


class ParticipantClock:
    """Times for all publications of one participant, which share the sender's clock."""

    def __init__(self) -> None:
        self._tracks: dict[str, _Track] = {}
        self._master: _Track | None = None
        self._lateness_ns: dict[TrackKind, int] = {}
        """How much later than its place beside the master a kind arrives (encoding, pacing), as
        earlier streams had it: where a new one begins, until its own first report."""

    def time(
        self, sid: str, stream: int, *, kind: TrackKind, rate: int, rtp: int, arrival_ns: int
    ) -> int:
        """Local time of a frame, in nanoseconds; strictly increasing for each `sid`.

        `stream` tells one RTP stream (SSRC) from the next of the same publication; `rtp` is its
        timestamp unwrapped; `arrival_ns` is when its first packet came.
        """
        track = self._track(sid, stream, kind, rate)
        idle_ns = arrival_ns - track.arrival_ns if track.offset_ns is not None else 0
        elapsed_ns = track.arrive(rtp, arrival_ns)
        if track.waiting is not None:
            waiting, track.waiting = track.waiting, None
            track.learn(*waiting)
        self._move(track, elapsed_ns, idle_ns)
        return track.emit(elapsed_ns)

    def report(
        self, sid: str, stream: int, *, kind: TrackKind, rate: int, rtp: int, ntp: int
    ) -> None:
        """Takes in a sender report: `rtp` as it came (32 bits), `ntp` with 64 bits."""
        track = self._track(sid, stream, kind, rate)
        if track.offset_ns is None:
            track.waiting = (rtp, ntp)
        else:
            track.learn(rtp, ntp)

    def forget(self, sid: str) -> None:
        """The publication is gone."""
        gone = self._tracks.pop(sid, None)
        if gone is None:
            return
        if gone.sender is not None and gone.offset_ns is not None:
            self._lateness_ns[gone.kind] = gone.least.value() - gone.offset_ns
        if gone is self._master:
            self._master = None

    def restart(self) -> None:
        """A new connection begins: nothing holds any more, except that time goes on."""
        self._master = None
        for track in self._tracks.values():
            track.stream = -1

    def drift_ppm(self) -> float | None:
        """How much faster the master's clock runs than the sender's, in parts per million."""
        master = self._master
        return master.sender.drift_ppm if master is not None and master.sender else None

    def __len__(self) -> int:
        return len(self._tracks)

    def _track(self, sid: str, stream: int, kind: TrackKind, rate: int) -> _Track:
        track = self._tracks.get(sid)
        if track is None or track.stream != stream:
            floor_ns = track.floor_ns if track is not None else -(1 << 62)
            self.forget(sid)
            lateness_ns = self._lateness_ns.get(kind, 0)
            track = self._tracks[sid] = _Track(stream, kind, rate, floor_ns, lateness_ns)
        return track

    def _choose_master(self, now_ns: int) -> _Track | None:
        """The audio track that reports, else any that does; the one that is, while it can be."""
        able = [
            t
            for t in self._tracks.values()
            if t.sender is not None and now_ns - t.arrival_ns < IDLE_NS
        ]
        candidates = [t for t in able if t.kind is TrackKind.AUDIO] or able
        if self._master not in candidates:
            self._master = candidates[0] if candidates else None
        return self._master

    def _move(self, track: _Track, elapsed_ns: int, idle_ns: int) -> None:
        """Brings the track's offset nearer to where it belongs."""
        offset_ns = track.offset_ns or 0
        beside = self._beside(track, self._choose_master(track.arrival_ns))
        if idle_ns > IDLE_NS:
            self._resume(track, beside, idle_ns)
        elif beside is not None:
            far = abs(beside - offset_ns) > JUMP_NS
            step = elapsed_ns * (SLEW_WHEN_FAR if far else SLEW_TO_REPORTS[track.kind])
            track.offset_ns = _approach(offset_ns, beside, step)
        else:
            step = elapsed_ns * SLEW_TO_ARRIVALS[track.kind]
            track.offset_ns = _approach(offset_ns, track.least.value(), step)

    @staticmethod
    def _beside(track: _Track, master: _Track | None) -> int | None:
        """The offset nearest to the track's own at which it stands near enough to the master."""
        if master is None or master is track or master.sender is None or track.sender is None:
            return None
        apart_ns = track.sender.at(track.media_ns) - master.sender.at(master.media_ns)
        beside_ns = apart_ns + (master.offset_ns or 0)
        near = near_ns(track.sender, master.sender)
        return max(beside_ns - near, min(beside_ns + near, track.offset_ns or 0))

    @staticmethod
    def _resume(track: _Track, beside_ns: int | None, idle_ns: int) -> None:
        """After a hole nobody hears a jump: go where it belongs at once."""
        delay_ns = track.arrival_ns - track.media_ns
        if beside_ns is not None:
            track.start(beside_ns, track.arrival_ns)
        elif track.sender is None or idle_ns > LONG_IDLE_NS:
            track.start(delay_ns, track.arrival_ns)


def _approach(value: int, target: int, step: float) -> int:
    limit = max(0, int(step))
    return value + max(-limit, min(limit, target - value))
