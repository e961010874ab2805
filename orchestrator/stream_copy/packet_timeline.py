"""Where every encoded frame stands in the recording. Pure: no clock, no I/O.

Zero is the first frame of video (or the first audio where no video is expected). Packets are given
out in order of time over all tracks, a quarter of a second late; one that comes later still is
given out when it comes. Nothing is filled: where nothing came, the file has nothing.

Where a video's first frames stand beside its audio is known when the publisher's reports are
(`settle`). Until then video goes on by its own distances, and audio is held back (pipes.timeline).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count
from typing import Final

from orchestrator.media import SECOND_NS, EncodedFrame, TrackKind
from orchestrator.stream_copy.track import Packet, Track

START_WAIT_NS: Final = 3_500_000_000
"""How long audio waits for the first video frame before the recording begins without one."""

HOLD_NS: Final = 6_500_000_000
"""How long audio is held back at most until its place beside the first frames is known."""

MAX_EARLY: Final = 8192
"""So many packets of audio wait at most: 8 s of twenty microphones."""

ORDER_NS: Final = 250_000_000
"""How long a packet waits for earlier ones of other tracks."""

STEP_NS: Final = 1_000_000
"""Least distance of two packets of a track: Matroska counts milliseconds."""

LATE_NS: Final = SECOND_NS
"""Audio that is more than this behind what its track has is left out."""

FAR_NS: Final = 80_000_000
SLEW: Final = {True: 0.25, False: 0.1}
"""How fast a video that is off its place is moved, in seconds per second: far off, and near."""

REORDERED: Final = frozenset({"h264", "h265"})
"""Codecs whose frames may be shown in another order than they are decoded in."""


@dataclass(frozen=True, slots=True)
class PacketStatistics:
    """Counts since the beginning."""

    video_received: int = 0
    audio_received_ns: int = 0
    audio_late_ns: int = 0
    """Audio from before the beginning, or so late that its track had gone on."""


@dataclass(slots=True)
class _Publication:
    """One publication's times."""

    last_ns: int | None = None
    """Of its newest frame."""
    residual_ns: int = 0
    """How far it is still off its place, to be slewed away."""

    def moved(self, time_ns: int) -> int:
        """Where the frame goes for now."""
        passed_ns = 0 if self.last_ns is None else max(time_ns - self.last_ns, 0)
        self.last_ns = time_ns
        slew = int(passed_ns * SLEW[abs(self.residual_ns) > FAR_NS])
        self.residual_ns -= max(-slew, min(slew, self.residual_ns))
        return time_ns + self.residual_ns


@dataclass(slots=True)
class _Given:
    """Positions of a track's packets that were put in order."""

    newest_ns: int = -STEP_NS
    floor_ns: int = -1
    """Of the newest one that isn't shown in another order than it came."""


class PacketTimeline:
    """Puts encoded frames with capture times into order; returns packets.

    `origin_ns` is the moment of zero, known when a new worker goes on with a recording.
    """

    def __init__(self, *, origin_ns: int | None = None) -> None:
        self.origin_ns = origin_ns
        """The moment of zero; None before the first frame."""
        self.begun = False
        """Whether a first frame has come, and zero is fixed."""
        self._fresh = origin_ns is None
        self.held = False
        """Audio waits for its place."""
        self._held_until_ns: int | None = None
        self._first_sid: str | None = None
        """The publication that zero was taken from."""
        self._early: list[tuple[str, int, Track, EncodedFrame]] = []
        self._first_ns = 1 << 62
        self._publications: dict[str, _Publication] = {}
        self._waiting: list[tuple[int, int, Packet]] = []
        self._sequence = count()
        self._newest_ns = 0
        """Position of the newest packet that came."""
        self._given: dict[tuple[TrackKind, str], _Given] = {}
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
            return self._push_video(sid, time_ns, track, frame)
        self._audio_received += frame.duration_ns
        if self.begun and not self.held:
            self._place(self._offset(time_ns), track, frame)
            return self._ready()
        self._early.append((sid, time_ns, track, frame))
        self._first_ns = min(self._first_ns, time_ns)
        full = len(self._early) >= MAX_EARLY
        if self.held:
            return self._release() if full else []
        if self._expects_video and time_ns - self._first_ns < START_WAIT_NS and not full:
            return []
        self._begin(self._first_ns, sid)
        return self._release()

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
        for other in self._publications.values():
            if other is not video:
                other.residual_ns += by_ns
        return self._release()

    def tick(self, now_ns: int) -> list[Packet]:
        """Time passes: what waited for others is given out."""
        if not self.begun:
            return []
        if self.held:
            self._held_until_ns = self._held_until_ns or now_ns + HOLD_NS
            if not self._expects_audio or now_ns >= self._held_until_ns:
                self._unhold()
        return self._ready(self._offset(now_ns))

    def finish(self) -> list[Packet]:
        """Nothing more comes: gives out all that waits."""
        if not self.begun and self._early:
            self._begin(self._first_ns, self._early[0][0])
        if self.begun:
            self._unhold()
        return self._ready(1 << 62)

    def forget(self, sid: str) -> None:
        """The publication is gone."""
        self._publications.pop(sid, None)

    def statistics(self) -> PacketStatistics:
        """Counts so far."""
        return PacketStatistics(self._video_received, self._audio_received, self._audio_late)

    def _push_video(
        self, sid: str, time_ns: int, track: Track, frame: EncodedFrame
    ) -> list[Packet]:
        self._video_received += 1
        if not self.begun:
            self._begin(time_ns, sid)
            self.held = self._fresh and bool(self._expects_audio)
            if not self.held:
                self._unhold()
        publication = self._publications.setdefault(sid, _Publication())
        self._place(self._offset(publication.moved(time_ns)), track, frame)
        return self._ready()

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
        for _, time_ns, track, frame in sorted(early, key=lambda each: each[1]):
            self._place(self._offset(time_ns), track, frame)

    def _place(self, at_ns: int, track: Track, frame: EncodedFrame) -> None:
        """Behind what its track has, in the order of coming."""
        given = self._given.setdefault((track.kind, track.name), _Given())
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
        return time_ns - self.origin_ns
