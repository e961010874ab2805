"""Where every encoded frame stands in the recording. Pure: no clock, no I/O.

Zero is the first frame of video (or the first audio where no video is expected). Packets are given
out in order of time over all tracks, a quarter of a second late; one that comes later still is
given out when it comes. Nothing is filled: where nothing came, the file has nothing.

Where a video's first frames stand beside its audio is known when the publisher's reports are
(`settle`). Until then video goes on by its own distances, and audio is held back (pipes.timeline).

What is captured in a pause is left out (packet_pause); if its time is cut, what comes behind it
goes on where the pause began.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count
from typing import Final

from orchestrator.media import SECOND_NS, EncodedFrame, TrackKind
from orchestrator.pausing import EarlierPauses, PauseMode, PauseSpans
from orchestrator.stream_copy.packet_pause import Came, PacketPause, Resumption
from orchestrator.stream_copy.packet_times import STEP_NS, PublicationTimes, TrackTimes
from orchestrator.stream_copy.track import Packet, Track

START_WAIT_NS: Final = 3_500_000_000
"""How long audio waits for the first video frame before the recording begins without one."""

HOLD_NS: Final = 6_500_000_000
"""How long audio is held back at most until its place beside the first frames is known."""

MAX_EARLY: Final = 8192
"""So many packets of audio wait at most: 8 s of twenty microphones."""

ORDER_NS: Final = 250_000_000
"""How long a packet waits for earlier ones of other tracks."""

LONGEST_PACKET_NS: Final = 120_000_000
"""Of audio (RFC 7587 §3.2)."""

LATE_NS: Final = SECOND_NS
"""Audio that is more than this behind what its track has is left out."""

REORDERED: Final = frozenset({"h264", "h265"})
"""Codecs whose frames may be shown in another order than they are decoded in."""


@dataclass(frozen=True, slots=True)
class PacketStatistics:
    """Counts since the beginning."""

    video_received: int = 0
    audio_received_ns: int = 0
    audio_late_ns: int = 0
    """Audio from before the beginning, or so late that its track had gone on."""


class PacketTimeline:
    """Puts encoded frames with capture times into order; returns packets.

    `origin_ns` is the moment of zero, known when a new worker goes on with a recording; `earlier`
    are the pauses that it had.
    """

    def __init__(
        self, *, origin_ns: int | None = None, earlier: EarlierPauses | None = None
    ) -> None:
        self.origin_ns = origin_ns
        """The moment of zero; None before the first frame."""
        self.begun = False
        """Whether a first frame has come, and zero is fixed."""
        self._fresh = origin_ns is None
        self.held = False
        """Audio waits for its place."""
        self._pause = PacketPause(earlier)
        self._held_until_ns: int | None = None
        self._first_sid: str | None = None
        """The publication that zero was taken from."""
        self._early: list[Came] = []
        self._first_ns = 1 << 62
        self._publications: dict[str, PublicationTimes] = {}
        self._waiting: list[tuple[int, int, Packet]] = []
        self._sequence = count()
        self._newest_ns = 0
        """Position of the newest packet that came."""
        self._given: dict[tuple[TrackKind, str], TrackTimes] = {}
        """What was put in order of each track, whatever its codec: another one's frames follow."""
        self._expects_audio: frozenset[str] = frozenset()
        self._expects_video = False
        self._video_received = self._audio_received = self._audio_late = 0

    def expect(self, *, audio: frozenset[str], video: bool) -> None:
        """What should be coming now: subscribed and not muted; audio by publication."""
        self._expects_audio, self._expects_video = audio, video

    def push(self, sid: str, time_ns: int, track: Track, frame: EncodedFrame) -> list[Packet]:
        """A frame captured at `time_ns`; returns what is complete by it."""
        if track.kind is TrackKind.VIDEO:
            time_ns = self._publications.setdefault(sid, PublicationTimes()).moved(time_ns)
        elif self.held:
            return self._hold(Came(sid, time_ns, track, frame))
        came = Came(sid, time_ns, track, frame)
        if self._pause.takes(came):
            return self._go_on()
        return [*self._push(came), *self._go_on()]

    @property
    def pauses(self) -> PauseSpans:
        """Those of the recording."""
        return self._pause.spans

    def pause(self, mode: PauseMode, now_ns: int) -> bool:
        """Pauses as soon as possible; False before there is a zero, and in a pause.

        In one whose end was asked for and hasn't come it stays paused, in the mode asked for last.
        """
        if self.origin_ns is None:
            return False
        if self.pauses.current is not None:
            return self._pause.lasts_on(mode)
        self._pause.begin(mode, now_ns)
        if self.begun and not self.held:
            self._take_back()
        return True

    def resume(self, now_ns: int) -> None:
        """Goes on as soon as possible: with what comes next (packet_pause)."""
        self._pause.ask_to_end(now_ns)

    def lacked_keyframe(self) -> bool:
        """Whether frames came since the last call that could be recorded behind a keyframe."""
        return self._pause.lacked_keyframe()

    def settle(self, sid: str, by_ns: int) -> list[Packet]:
        """A video's times so far should have been `by_ns` later; those to come are right."""
        video = self._publications.get(sid)
        if video is None or video.last_ns is None or self.origin_ns is None:
            return []
        video.last_ns += by_ns
        if not (self.held and sid == self._first_sid):
            video.residual_ns -= by_ns
            return []
        self.origin_ns += by_ns
        self._pause.move(by_ns)
        for other in self._publications.values():
            if other is not video:
                other.residual_ns += by_ns
        return self._release()

    def tick(self, now_ns: int) -> list[Packet]:
        """Time passes: what waited for others is given out."""
        resumed = self._go_on(now_ns)
        if not self.begun:
            return resumed
        if self.held:
            self._held_until_ns = self._held_until_ns or now_ns + HOLD_NS
            if not self._expects_audio or now_ns >= self._held_until_ns:
                self._unhold()
        return [*resumed, *self._ready(self._offset(now_ns))]

    def finish(self) -> list[Packet]:
        """Nothing more comes: gives out all that waits."""
        if not self.begun and self._early:
            self._begin(self._first_ns, self._early[0].sid)
        if self.begun:
            self._unhold()
        return self._ready(1 << 62)

    def forget(self, sid: str) -> None:
        """The publication is gone."""
        self._publications.pop(sid, None)

    def statistics(self) -> PacketStatistics:
        """Counts so far."""
        return PacketStatistics(self._video_received, self._audio_received, self._audio_late)

    def _push(self, came: Came) -> list[Packet]:
        """What is to be recorded, now that it came or that the recording goes on."""
        if came.track.kind is TrackKind.VIDEO:
            self._video_received += 1
            if not self.begun:
                self._begin(came.at_ns, came.sid)
                self.held = self._fresh and bool(self._expects_audio)
                if not self.held:
                    self._unhold()
        elif not self.begun:
            return self._begin_with_audio(came)
        else:
            self._audio_received += came.frame.duration_ns
        self._place(self._offset(came.at_ns), came.track, came.frame)
        return self._ready()

    def _hold(self, came: Came) -> list[Packet]:
        """Audio whose place isn't known yet."""
        self._early.append(came)
        return self._release() if len(self._early) >= MAX_EARLY else []

    def _begin_with_audio(self, came: Came) -> list[Packet]:
        self._early.append(came)
        self._first_ns = min(self._first_ns, came.at_ns)
        waits = came.at_ns - self._first_ns < START_WAIT_NS and len(self._early) < MAX_EARLY
        if self._expects_video and waits:
            return []
        self._begin(self._first_ns, came.sid)
        return self._release()

    def _go_on(self, now_ns: int | None = None) -> list[Packet]:
        """What came of the time behind a pause, once that is known to have ended."""
        known = self._pause.resumed(now_ns, expects_video=self._expects_video, held=self.held)
        if known is None:
            return []
        self.pauses.close(known.from_ns, begin_ns=self._begin_of_gap(known))
        return [packet for came in known.packets for packet in self._push(came)]

    def _begin_of_gap(self, known: Resumption) -> int | None:
        """Where the last packet of audio before a pause ends; None: where the pause began."""
        current = self.pauses.current
        if current is None or known.track is None or self.origin_ns is None:
            return None
        given = self._given.get((TrackKind.AUDIO, known.track.name))
        beyond_ns = given.end_ns - self._offset(current.begin_ns) if given is not None else -1
        return current.begin_ns + beyond_ns if 0 <= beyond_ns <= LONGEST_PACKET_NS else None

    def _take_back(self) -> None:
        """Audio that was captured in the pause and has come before it was asked for."""
        current = self.pauses.current
        assert current is not None
        at_ns = self._offset(current.begin_ns)
        kept = [each for each in self._waiting if each[2].time_ns < at_ns]
        taken = [each[2] for each in self._waiting if each[2].time_ns >= at_ns]
        for packet in taken:
            self._given[packet.track.kind, packet.track.name].end_at(packet.time_ns)
        heapq.heapify(kept)
        self._waiting = kept

    def _begin(self, time_ns: int, sid: str) -> None:
        self.begun = True
        if self.origin_ns is None:
            self.origin_ns = time_ns
            self._first_sid = sid

    def _release(self) -> list[Packet]:
        self._unhold()
        return self._ready()

    def _unhold(self) -> None:
        """Audio that waited has its place."""
        self.held = False
        early, self._early = self._early, []
        for came in sorted(early, key=lambda each: each.at_ns):
            if not self._pause.takes(came):
                self._audio_received += came.frame.duration_ns
                self._place(self._offset(came.at_ns), came.track, came.frame)

    def _place(self, at_ns: int, track: Track, frame: EncodedFrame) -> None:
        """Behind what its track has, in the order of coming."""
        given = self._given.setdefault((track.kind, track.name), TrackTimes())
        if track.kind is TrackKind.AUDIO and (at_ns < 0 or at_ns <= given.newest_ns - LATE_NS):
            self._audio_late += frame.duration_ns
            return
        # No frame is shown before one that had to make way. A keyframe of an open GOP may have
        # frames behind it that are shown before it, and none that was there before.
        reordered = track.codec in REORDERED and not frame.keyframe and at_ns > given.floor_ns
        shown_ns = at_ns if reordered else max(at_ns, given.newest_ns + STEP_NS)
        if not reordered:
            open_gop = track.codec in REORDERED and shown_ns == at_ns
            given.floor_ns = given.newest_ns if open_gop else shown_ns
        given.newest_ns = max(given.newest_ns, shown_ns)
        given.end_ns = max(given.end_ns, shown_ns + frame.duration_ns)
        self._newest_ns = max(self._newest_ns, given.newest_ns)
        packet = Packet(track, shown_ns, frame)
        heapq.heappush(self._waiting, (given.newest_ns, next(self._sequence), packet))

    def _ready(self, now_ns: int | None = None) -> list[Packet]:
        """In order of time: nothing that comes later should stand before them."""
        until_ns = (self._newest_ns if now_ns is None else now_ns) - ORDER_NS
        until_ns = max(until_ns, 0)  # nothing stands before zero
        ready: list[Packet] = []
        while self._waiting and self._waiting[0][0] <= until_ns:
            ready.append(heapq.heappop(self._waiting)[2])
        return ready

    def _offset(self, time_ns: int) -> int:
        assert self.origin_ns is not None
        return time_ns - self.origin_ns - self.pauses.cut_before(time_ns)
