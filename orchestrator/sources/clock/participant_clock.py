"""RTP time to this machine's time, for the tracks of one participant. Pure: no clock, no I/O.

Each track's RTP time has an offset to local time, in nanoseconds: ``time = rtp / rate + offset``.
Three things move the offset:

- **Arrivals.** A packet may come late, never early, so the least of ``arrival - rtp / rate`` within
  some seconds is the offset, up to the constant delay of the path. It is followed slowly, which
  also follows the drift of the sender's clock against ours.
- **Sender reports** map each track's RTP time to one clock of the sender (`sender_clock`), so the
  difference between two tracks is known to a few milliseconds. One track, an audio track when there
  is one, is the *master* and stays on its arrivals; the others slew to their place beside it.
- **Jumps.** An RTP clock that stood still (a microphone that stalled) is followed at once: when
  arrivals say so (`arrival_delays`), or a report that arrivals bear out. Where they don't, the
  sender's wall clock was set (`wall_clock`), and nothing moves.

A participant's first video begins *unsettled*: its frames keep their RTP distances, counted from
the first one's arrival, until `settle` moves them all to their place at once. A publisher that
catches up sends them seconds late at first, and a frame is not retimed because of that.
"""

from __future__ import annotations

from typing import Final

from orchestrator.media import SECOND_NS, TrackKind
from orchestrator.sources.clock.arrival_delays import JUMP_NS
from orchestrator.sources.clock.sender_clock import near_ns
from orchestrator.sources.clock.stream_clock import StreamClock
from orchestrator.sources.clock.wall_clock import WallClock

SLEW_TO_REPORTS: Final = {TrackKind.VIDEO: 0.1, TrackKind.AUDIO: 0.004}
"""Seconds per second towards the place that reports give. Frames 10 % closer together are not
seen; audio that is stretched by more than 0.4 % (pipes.mixer, MAX_STRETCH) is heard."""

SLEW_WHEN_RIGHT: Final = 0.015
"""The same for a video that has been in its place: what moves then is the reports' noise. One
that reports put off by more than `JUMP_NS` was not in its place."""

SLEW_WHEN_FAR: Final = 0.25
"""The same while it is wrong by more than `JUMP_NS`: soon right matters more than smooth."""

SLEW_TO_ARRIVALS: Final = {TrackKind.VIDEO: 0.015, TrackKind.AUDIO: 0.0005}
"""The same after arrivals. For audio more than any crystal drifts, and too little to be heard. A
video's first frame is large and comes late: the next ones show by how much."""

SETTLE_NS: Final = 3_500_000_000
"""How long a first video waits for a report of its own or of its audio, then follows arrivals: an
SFU that has reports to pass on sends them each 3 s."""

SETTLE_REPORTING_NS: Final = 6_000_000_000
"""The same where one of both has reported: libwebrtc's first report of audio comes 2.5 s after its
first packet (modules/rtp_rtcp/source/rtcp_sender.cc), and reaches us up to 3 s after that."""

SETTLE_ALONE_NS: Final = 500_000_000
"""The same where no audio of the participant is received: arrivals are all there is to wait for."""

BELIEVABLE_NS: Final = 5 * SECOND_NS
"""Reports that put a track further than this from its arrivals are of other clocks."""

UNSURE_NS: Final = 2 * SECOND_NS
"""The same until both tracks have reported three times: two reports may say anything."""

IDLE_NS: Final = 5 * SECOND_NS
"""A track without a frame for so long is not the master; when it comes back it may jump."""

LONG_IDLE_NS: Final = 60 * SECOND_NS


class ParticipantClock:
    """Times for all publications of one participant, which share the sender's clock.

    With `unsettled` a first video waits for `settle`; without, it slews to its place.
    """

    def __init__(self, *, unsettled: bool = False) -> None:
        self._unsettled = unsettled
        self._tracks: dict[str, StreamClock] = {}
        self._master: StreamClock | None = None
        self._wall = WallClock()
        self._lateness_ns: dict[TrackKind, int] = {}
        """How much later than its place beside the master a kind arrives, as earlier streams had
        it: where a new one begins, until its own first report."""

    def arrive(
        self, sid: str, stream: int, *, kind: TrackKind, rate: int, rtp: int, arrival_ns: int
    ) -> bool:
        """Takes in a frame's arrival; gives whether its place is known, or the next frames tell.

        `stream` tells one RTP stream (SSRC) from the next of the same publication; `rtp` is its
        timestamp unwrapped; `arrival_ns` is when its first packet came.
        """
        track = self._track(sid, stream, kind, rate)
        if (rise_ns := track.arrive(rtp, arrival_ns)) > 0 and track.settled:
            self._rose(track, rise_ns)
        if track.waiting is not None:
            waiting, track.waiting = track.waiting, None
            if waiting[2] >= arrival_ns:  # what came before the first packet may say anything
                self._wall.learn(track, *waiting, self._others(track))
        return not track.undecided

    def place(self, sid: str, *, rtp: int, arrival_ns: int) -> int:
        """Local time of a frame that arrived, in nanoseconds; strictly increasing for each `sid`.

        Frames have to be placed in the order in which they arrived.
        """
        track = self._tracks[sid]
        self._move(track, track.elapsed_ns(rtp))
        return track.place(rtp, arrival_ns)

    def time(
        self, sid: str, stream: int, *, kind: TrackKind, rate: int, rtp: int, arrival_ns: int
    ) -> int:
        """Both at once, for who can't wait."""
        self.arrive(sid, stream, kind=kind, rate=rate, rtp=rtp, arrival_ns=arrival_ns)
        return self.place(sid, rtp=rtp, arrival_ns=arrival_ns)

    def settle(self, sid: str, *, patience_ns: int) -> int | None:
        """Puts a video that began unsettled into its place, as soon as reports say where that is.

        Returns by how much all of its times so far have to be moved; None while that isn't known,
        and once it was said. After `patience_ns` arrivals decide, later if one track has reported.
        """
        track = self._tracks.get(sid)
        if track is None or track.settled or track.offset_ns is None:
            return None
        beside = self._beside(track, self._choose_master(track.arrival_ns))
        if beside is not None:
            track.right = True
            return track.settle(beside)
        waited_ns = track.arrival_ns - track.began_ns
        if patience_ns == SETTLE_NS and any(each.sender for each in self._tracks.values()):
            patience_ns = SETTLE_REPORTING_NS
        return track.settle(track.by_arrivals()) if waited_ns >= patience_ns else None

    def report(
        self,
        sid: str,
        stream: int,
        *,
        kind: TrackKind,
        rate: int,
        rtp: int,
        ntp: int,
        arrival_ns: int,
    ) -> None:
        """Takes in a sender report: `rtp` as it came (32 bits), `ntp` with 64 bits."""
        if ntp == 0:  # its sender knows no time (RFC 3550 §6.4.1)
            return
        track = self._track(sid, stream, kind, rate)
        if track.offset_ns is None:
            track.waiting = (rtp, ntp, arrival_ns)
        else:
            self._wall.learn(track, rtp, ntp, arrival_ns, self._others(track))

    def forget(self, sid: str) -> None:
        """The publication is gone."""
        gone = self._tracks.pop(sid, None)
        if gone is None:
            return
        if gone.sender is not None and gone.offset_ns is not None:
            self._lateness_ns[gone.kind] = gone.delays.least() - gone.offset_ns
        if gone is self._master:
            self._master = None
        self._wall.forget(gone)

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

    def _track(self, sid: str, stream: int, kind: TrackKind, rate: int) -> StreamClock:
        track = self._tracks.get(sid)
        if track is None or track.stream != stream:
            floor_ns = track.floor_ns if track is not None else -(1 << 62)
            self.forget(sid)
            lateness_ns = self._lateness_ns.get(kind, 0)
            track = self._tracks[sid] = StreamClock(stream, kind, rate, floor_ns, lateness_ns)
            known = kind is TrackKind.AUDIO or kind in self._lateness_ns
            track.settled = known or not self._unsettled
        return track

    def _rose(self, track: StreamClock, rise_ns: int) -> None:
        """Frames of a track come later than they did, and go on to: its clock stood still. But if
        another track's are late by as much, the way is longer (or all of the sender stood still):
        nothing moves between them.
        """
        now_ns = track.arrival_ns
        others = [t for t in self._others(track) if t.settled]
        if alike := [t for t in others if t.rose_alike(rise_ns, now_ns)]:
            for each in (track, *alike):
                each.follow(rise_ns)
        else:
            track.stood_still(rise_ns)

    def _others(self, track: StreamClock) -> list[StreamClock]:
        """Those that have had a frame."""
        return [t for t in self._tracks.values() if t is not track and t.offset_ns is not None]

    # -- places

    def _choose_master(self, now_ns: int) -> StreamClock | None:
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

    def _move(self, track: StreamClock, elapsed_ns: int) -> None:
        """Brings the track's offset nearer to where it belongs."""
        idle_ns, track.idle_ns = track.idle_ns, 0
        if not track.settled:
            return
        offset_ns = track.offset_ns or 0
        beside = self._beside(track, self._choose_master(track.arrival_ns))
        if idle_ns > IDLE_NS:
            self._resume(track, beside, idle_ns)
        elif beside is not None:
            off_ns = abs(beside - offset_ns)
            track.right = off_ns == 0 or (track.right and off_ns <= JUMP_NS)
            step = elapsed_ns * _slew(track, off_ns)
            track.offset_ns = _approach(offset_ns, beside, step)
            if track.right:
                track.lateness_ns = track.delays.least() - beside
        else:
            slew, place_ns = SLEW_TO_ARRIVALS[track.kind], track.by_arrivals()
            if offset_ns - place_ns > JUMP_NS and track.kind is TrackKind.AUDIO:
                slew = SLEW_TO_REPORTS[track.kind]  # the network was slow, and is no more
            track.offset_ns = _approach(offset_ns, place_ns, elapsed_ns * slew)

    @staticmethod
    def _beside(track: StreamClock, master: StreamClock | None) -> int | None:
        """The offset nearest to the track's own at which it stands near enough to the master."""
        if master is None or master is track or master.sender is None or track.sender is None:
            return None
        apart_ns = track.sender.at(track.media_ns) - master.sender.at(master.media_ns)
        beside_ns = apart_ns + (master.offset_ns or 0)
        most_ns = BELIEVABLE_NS if min(track.reports, master.reports) > 2 else UNSURE_NS
        if abs(beside_ns - track.delays.least()) > most_ns:
            return None
        near = near_ns(track.sender, master.sender)
        return max(beside_ns - near, min(beside_ns + near, track.offset_ns or 0))

    @staticmethod
    def _resume(track: StreamClock, beside_ns: int | None, idle_ns: int) -> None:
        """After a gap nobody hears a jump: go where it belongs at once."""
        if beside_ns is not None:
            track.offset_ns = beside_ns
        elif track.sender is None or (idle_ns > LONG_IDLE_NS and not track.delays.risen):
            track.start_anew()


def _slew(track: StreamClock, off_ns: int) -> float:
    if off_ns > JUMP_NS:
        return SLEW_WHEN_FAR
    steady = track.right and track.kind is TrackKind.VIDEO
    return SLEW_WHEN_RIGHT if steady else SLEW_TO_REPORTS[track.kind]


def _approach(value: int, target: int, step: float) -> int:
    limit = max(0, int(step))
    return value + max(-limit, min(limit, target - value))
