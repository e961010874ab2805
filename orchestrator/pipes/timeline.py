"""Where every audio and video frame stands in the recording. Pure: no clock, no I/O.

Zero is the first video frame (or the first audio where no video is expected). Audio is one
continuous stream. Video keeps its own times; while none comes, the last frame or a black one is
put in each second as a filler, so that nothing behind us waits.

Where the first frames stand beside the audio is known when the publisher's reports are
(`settle_video`). Until then video goes on by its own distances, and audio is held back: it is
small, and its place is all that is not known.

What is captured in a pause is left out, audio to the sample; if its time is cut, what comes behind
it goes on where the pause began.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import av

from orchestrator.media import AUDIO_RATE, AUDIO_TIME_BASE, SECOND_NS, VIDEO_TIME_BASE
from orchestrator.pausing import EarlierPauses, PauseMode
from orchestrator.pipes.lateness import IDLE_LAG_NS, LAG_NS, VideoTimes
from orchestrator.pipes.limiter import Limiter
from orchestrator.pipes.mixer import Mixer, samples_at
from orchestrator.pipes.timeline_clock import TimelineClock, TimelineStatistics
from orchestrator.pipes.timeline_items import Item, Samples, VideoItem

START_WAIT_NS: Final = 3_500_000_000
"""How long audio waits for the first video frame before the recording begins without one. That of a
publisher who catches up comes 2.5 s after its audio."""

MAX_EARLY_FRAMES: Final = 8192
"""So many audio frames wait at most: 8 s of twenty microphones (20 ms each, 4 kB)."""

AUDIO_HOLD_NS: Final = 6_500_000_000
"""How long audio is held back at most until its place beside the first frames is known. The source
says so before, unless its video has stopped."""

LEADING_SILENCE: Final = AUDIO_RATE // 40
"""25 ms of silence at zero are given out at once while audio is held back: encoders of audio begin
with a frame of it (1024 samples in AAC), and no muxer begins without all of its encoders."""

FILL_NS: Final = SECOND_NS
"""A video frame at least this often."""

CHUNK: Final = AUDIO_RATE // 10
"""0.1 s: audio is given out in chunks of this length at least, which is less work for all that
follows than one for each frame."""

VIDEO_RATE: Final = 90_000

MIN_STEP: Final = VIDEO_RATE // 250
"""4 ms. What is closer to the frame before is the same one again: a change of simulcast layer
gives it in both sizes, half a millisecond apart."""


def video_pts(offset_ns: int) -> int:
    """PTS in 1/90000 of a moment `offset_ns` after the beginning."""
    return (offset_ns * VIDEO_RATE + SECOND_NS // 2) // SECOND_NS


class Timeline(TimelineClock):
    """Puts frames with capture times into order; returns items with PTS.

    `origin_ns` is the moment of zero, known when a new worker goes on with a recording. With `hold`
    a new one's audio waits for `settle_video`, or for `AUDIO_HOLD_NS`. `earlier`: the pauses that
    it had.
    """

    def __init__(
        self,
        *,
        origin_ns: int | None = None,
        hold: bool = False,
        earlier: EarlierPauses | None = None,
    ) -> None:
        super().__init__(origin_ns, earlier)
        self._fresh = origin_ns is None
        self._may_hold = hold and self._fresh
        self._held = False
        """Audio waits for its place, until `_held_until_ns` on `tick`'s clock."""
        self._held_until_ns: int | None = None
        self._early: list[tuple[str, int, Samples, bool]] = []
        """Audio that waits for the first video frame, or for its place beside it."""
        self._first_ns = 1 << 62
        self._audio_ns = 0
        """Up to where audio came."""
        self._video = VideoTimes()
        self._passed = 0
        """Number of the pause behind which the last video frame stands."""
        self._mixer, self._limiter = Mixer(), Limiter()
        self._expects_audio: frozenset[str] = frozenset()
        self._expects_video = False
        self._last_pts: int | None = None
        self._last_frame: av.VideoFrame | None = None
        self._begins = 0
        self._received = self._filled = self._late = 0

    @property
    def next_sample(self) -> int:
        """Position of the next audio given out."""
        return self._limiter.position

    @property
    def held(self) -> bool:
        """Whether audio is held back: what is to be cut at one moment in both would wait for it."""
        return self._held

    def expect(self, *, audio: frozenset[str], video: bool) -> None:
        """What should be coming now: subscribed and not muted; audio by publication."""
        self._expects_audio, self._expects_video = audio, video
        self._mixer.expect(audio)
        if not video and not self._stands_still:
            self._last_frame = None

    def pause(self, mode: PauseMode, now_ns: int) -> bool:
        """Pauses as soon as possible; False before there is a zero, and in a pause."""
        if self.origin_ns is None or self.pauses.current is not None:
            return False
        self.pauses.open(mode, self._boundary(now_ns))
        return True

    def resume(self, now_ns: int) -> None:
        """Goes on as soon as possible."""
        if self.pauses.current is not None:
            self.pauses.close(self._boundary(now_ns))
            self._last_frame = self._last_frame if self._expects_video else None

    def push_audio(
        self, sid: str, time_ns: int, samples: Samples, *, concealed: bool = False
    ) -> list[Item]:
        """Audio captured at `time_ns`; returns what is complete by it.

        `concealed`: it stands in for lost packets.
        """
        self._audio_ns = max(self._audio_ns, time_ns + len(samples) * SECOND_NS // AUDIO_RATE)
        if not self.begun:
            if self.pauses.holds(time_ns):
                return []
            self._early.append((sid, time_ns, samples, concealed))
            self._first_ns = min(time_ns, self._first_ns)
            waits = time_ns - self._first_ns < START_WAIT_NS and len(self._early) < MAX_EARLY_FRAMES
            if self._expects_video and waits:
                return []
            return self._begin(self._first_ns)
        if self._held:
            self._early.append((sid, time_ns, samples, concealed))
            return self._release() if len(self._early) >= MAX_EARLY_FRAMES else []
        for position, kept in self._kept(time_ns, samples):
            self._mixer.push(sid, position, kept, concealed=concealed)
        return self._ready()

    def push_video(
        self, time_ns: int, frame: av.VideoFrame, *, came_ns: int | None = None
    ) -> list[Item]:
        """A video frame captured at `time_ns`, which came at `came_ns`."""
        at_ns = self._video.place(time_ns, time_ns if came_ns is None else came_ns)
        if self.pauses.holds(at_ns):
            return []
        self._received += 1
        items: list[Item] = []
        if not self.begun:
            self._held = self._may_hold and bool(self._expects_audio)
            items = self._begin(time_ns)
        pts, passed = video_pts(self._offset(at_ns)), self.pauses.ended_before(at_ns)
        if passed > self._passed:  # one captured right before the pause isn't this one again
            pts = max(pts, self._earliest())
        if pts < self._earliest():
            self._late += 1
            return items
        # What was on its way when the video was muted is not held: black follows.
        held = self._expects_video or self._stands_still
        self._last_frame = frame if held else None
        self._last_pts, self._passed = pts, passed
        return [VideoItem(pts, frame), *items]

    def settle_video(self, by_ns: int) -> list[Item]:
        """Video times so far should have been `by_ns` later; those to come are right."""
        self._video.settle(by_ns)
        if self.origin_ns is None:
            return []
        if self._held or (self._fresh and not self._mixer.heard):
            self.origin_ns += by_ns
            self.pauses.move(by_ns)
            self._video.move(by_ns)
        else:
            self._video.slew(by_ns)
        return self._release()

    def change_video(self) -> list[Item]:
        """Video is another publication's from now on, with times of its own."""
        self._video.change()
        return self._release()

    def tick(self, now_ns: int) -> list[Item]:
        """Time passes: fills what can't come any more."""
        if not self.begun:
            return []
        items: list[Item] = [*self._fill_video(now_ns)]
        if self._held:
            self._held_until_ns = self._held_until_ns or now_ns + AUDIO_HOLD_NS
            if self._expects_audio and now_ns < self._held_until_ns:
                return items
            items += self._release()
        lag_ns = LAG_NS if self._expects_audio else IDLE_LAG_NS
        items += self._mixed(samples_at(self._offset(now_ns - lag_ns)))
        return items

    def finish(self) -> list[Item]:
        """Nothing more comes: gives out the audio that is still held."""
        if not self.begun:
            return []
        items = self._release()
        return [*items, *self._mixed(self._mixer.furthest), *self._limiter.flush()]

    def statistics(self) -> TimelineStatistics:
        """Counts so far."""
        audio = self._mixer.statistics()
        audio = replace(audio, received=audio.received + self._waiting())
        return TimelineStatistics(audio, self._received, self._filled, self._late)

    def _waiting(self) -> int:
        """Samples that are held back, without what lies before zero as far as is known."""
        if not self._held:
            return 0
        came = ((at, samples) for _, at, samples, concealed in self._early if not concealed)
        ends = ((at, len(kept)) for each in came for at, kept in self._kept(*each))
        return sum(max(min(count, at + count), 0) for at, count in ends)

    def _boundary(self, now_ns: int) -> int:
        """Where a pause may begin or end: behind all that came."""
        assert self.origin_ns is not None
        given = self._mixer.position * SECOND_NS // AUDIO_RATE + self.origin_ns
        given_ns = given + self.pauses.cut_before(now_ns) if self.begun else now_ns
        # Audio that is held back has no place yet, so nothing of it was given out.
        audio_ns = given_ns if self._held else max(self._audio_ns, given_ns)
        return self._video.frames.boundary(now_ns, audio_ns)

    def _begin(self, time_ns: int) -> list[Item]:
        """The first frame: it is zero, or stands where the clock of an earlier worker is."""
        self.begun = True
        if self.origin_ns is None:
            self.origin_ns = time_ns
        self._begins = max(self._offset(time_ns), 0)
        # Not behind the first video frame: what is before a segment's first sample is left out of
        # it.
        first = int(video_pts(self._begins) * VIDEO_TIME_BASE / AUDIO_TIME_BASE)
        self._mixer, self._limiter = Mixer(first), Limiter(first)
        self._mixer.expect(self._expects_audio)
        if self._held:
            return [*self._mixed(first + LEADING_SILENCE), *self._limiter.flush()]
        return self._place_early()

    def _release(self) -> list[Item]:
        """Audio that was held back has its place."""
        if not self._held:
            return []
        self._held = False
        return self._place_early()

    def _place_early(self) -> list[Item]:
        items: list[Item] = []
        early, self._early = sorted(self._early, key=lambda each: each[1]), []
        for sid, at_ns, samples, concealed in early:
            for position, kept in self._kept(at_ns, samples):
                if (cut := max(self._mixer.position - position, 0)) < len(kept):
                    self._mixer.push(sid, position + cut, kept[cut:], concealed=concealed)
            # Not all at once: the mixer has room for some seconds. None of a second before comes.
            items += self._mixed(samples_at(self._offset(at_ns)) - AUDIO_RATE)
        return [*items, *self._ready()]

    def _ready(self) -> list[Item]:
        ready = self._mixer.ready
        return self._mixed(ready) if ready - self._mixer.position >= CHUNK else []

    def _mixed(self, until: int) -> list[Item]:
        """The mix up to there, as far as the limiter need not look ahead."""
        pieces = self._mixer.pull(until)
        return [item for piece in pieces for item in self._limiter.push(piece)]

    def _earliest(self) -> int:
        return video_pts(self._begins) if self._last_pts is None else self._last_pts + MIN_STEP

    def _fill_video(self, now_ns: int) -> list[VideoItem]:
        lag_ns = LAG_NS if self._expects_video else IDLE_LAG_NS
        step = video_pts(FILL_NS)
        behind = video_pts(self._offset(now_ns - lag_ns - self._video.unusual_ns))
        if self._last_pts is None:
            pts = video_pts(self._begins)
        elif (steps := (behind - self._last_pts) // step) >= 1:
            pts = self._last_pts + steps * step
        else:
            return []
        self._last_pts = pts
        self._filled += 1
        return [VideoItem(pts, self._last_frame, filler=True)]
