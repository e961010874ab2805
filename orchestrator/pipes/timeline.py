"""Where every audio and video frame stands in the recording. Pure: no clock, no I/O.

Zero is the first video frame (or the first audio where no video is expected). Audio is one
continuous stream. Video keeps its own times; while none comes, the last frame or a black one is
put in each second as a filler, so that nothing behind us waits.

Where the first frames stand beside the audio is known when the publisher's reports are
(`settle_video`). Until then video goes on by its own distances, and audio is held back: it is
small, and its place is all that is not known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import av

from orchestrator.media import AUDIO_RATE, AUDIO_TIME_BASE, SECOND_NS, VIDEO_TIME_BASE
from orchestrator.pipes.lateness import IDLE_LAG_NS, LAG_NS, VideoLateness
from orchestrator.pipes.limiter import Limiter
from orchestrator.pipes.mixer import Mixer, MixerStatistics, samples_at
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

RESIDUAL_FAR_NS: Final = 80_000_000
RESIDUAL_SLEW: Final = {True: 0.25, False: 0.1}
"""How fast a video that can't be moved at once is moved, in seconds per second: far off, and near
(sources.clock.participant_clock has the same)."""

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


@dataclass(frozen=True, slots=True)
class TimelineStatistics:
    """Counts since the beginning."""

    audio: MixerStatistics
    video_received: int
    video_filled: int
    """Repeated or black frames put in."""
    video_late: int
    """Frames that came after a later one was given out, or are that one again."""


class Timeline:
    """Puts frames with capture times into order; returns items with PTS.

    `origin_ns` is the moment of zero, known when a new worker goes on with a recording. With `hold`
    a new one's audio waits for `settle_video`, or for `AUDIO_HOLD_NS`.
    """

    def __init__(self, *, origin_ns: int | None = None, hold: bool = False) -> None:
        self.origin_ns = origin_ns
        """The moment of zero; None before the first frame."""
        self.begun = False
        """Whether a first frame has come, and zero is fixed."""
        self._fresh = origin_ns is None
        self._may_hold = hold and self._fresh
        self._held = False
        """Audio waits for its place, until `_held_until_ns` on `tick`'s clock."""
        self._held_until_ns: int | None = None
        self._early: list[tuple[str, int, Samples, bool]] = []
        """Audio that waits for the first video frame, or for its place beside it."""
        self._first_ns = 1 << 62
        self._last_ns: int | None = None
        """Time of the newest video frame."""
        self._lateness = VideoLateness()
        self._residual_ns = 0
        """How far video is still off its place, to be slewed away."""
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
        if not video:
            self._last_frame = None

    def push_audio(
        self, sid: str, time_ns: int, samples: Samples, *, concealed: bool = False
    ) -> list[Item]:
        """Audio captured at `time_ns`; returns what is complete by it.

        `concealed`: it stands in for lost packets.
        """
        if not self.begun:
            self._early.append((sid, time_ns, samples, concealed))
            self._first_ns = min(time_ns, self._first_ns)
            waits = time_ns - self._first_ns < START_WAIT_NS and len(self._early) < MAX_EARLY_FRAMES
            if self._expects_video and waits:
                return []
            return self._begin(self._first_ns)
        if self._held:
            self._early.append((sid, time_ns, samples, concealed))
            return self._release() if len(self._early) >= MAX_EARLY_FRAMES else []
        position = samples_at(self._offset(time_ns))
        self._mixer.push(sid, position, samples, concealed=concealed)
        return self._ready()

    def push_video(
        self, time_ns: int, frame: av.VideoFrame, *, came_ns: int | None = None
    ) -> list[Item]:
        """A video frame captured at `time_ns`, which came at `came_ns`."""
        self._received += 1
        items: list[Item] = []
        if not self.begun:
            self._held = self._may_hold and bool(self._expects_audio)
            items = self._begin(time_ns)
        self._note_lateness(time_ns, time_ns if came_ns is None else came_ns)
        pts = video_pts(self._offset(time_ns + self._residual_ns))
        if pts < self._earliest():
            self._late += 1
            return items
        # What was on its way when the video was muted is not held: black follows.
        self._last_frame = frame if self._expects_video else None
        self._last_pts = pts
        return [VideoItem(pts, frame), *items]

    def settle_video(self, by_ns: int) -> list[Item]:
        """Video times so far should have been `by_ns` later; those to come are right."""
        self._lateness.moved(by_ns)
        if self._last_ns is not None:
            self._last_ns += by_ns
        if self.origin_ns is None:
            return []
        if self._held or (self._fresh and not self._mixer.heard):
            self.origin_ns += by_ns
        else:
            self._residual_ns = -by_ns
        return self._release()

    def change_video(self) -> list[Item]:
        """Video is another publication's from now on, with times of its own."""
        self._residual_ns = 0
        return self._release()

    def tick(self, now_ns: int) -> list[Item]:
        """Time passes: fills what can't come any more."""
        if not self.begun:
            return []
        items: list[Item] = [*self._fill_video(self._offset(now_ns))]
        if self._held:
            self._held_until_ns = self._held_until_ns or now_ns + AUDIO_HOLD_NS
            if self._expects_audio and now_ns < self._held_until_ns:
                return items
            items += self._release()
        now = self._offset(now_ns)
        lag = LAG_NS if self._expects_audio else IDLE_LAG_NS
        items += self._mixed(samples_at(now - lag))
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
        came = ((at, len(samples)) for _, at, samples, concealed in self._early if not concealed)
        ends = ((samples_at(self._offset(at)), count) for at, count in came)
        return sum(max(min(count, at + count), 0) for at, count in ends) if self._held else 0

    def _offset(self, time_ns: int) -> int:
        assert self.origin_ns is not None
        return time_ns - self.origin_ns

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
            position = samples_at(self._offset(at_ns))
            if (cut := max(self._mixer.position - position, 0)) < len(samples):
                self._mixer.push(sid, position + cut, samples[cut:], concealed=concealed)
            # Not all at once: the mixer has room for some seconds. None of a second before comes.
            items += self._mixed(position - AUDIO_RATE)
        return [*items, *self._ready()]

    def _ready(self) -> list[Item]:
        ready = self._mixer.ready
        return self._mixed(ready) if ready - self._mixer.position >= CHUNK else []

    def _mixed(self, until: int) -> list[Item]:
        """The mix up to there, as far as the limiter need not look ahead."""
        pieces = self._mixer.pull(until)
        return [item for piece in pieces for item in self._limiter.push(piece)]

    def _note_lateness(self, time_ns: int, came_ns: int) -> None:
        passed_ns = 0 if self._last_ns is None else max(time_ns - self._last_ns, 0)
        self._last_ns = time_ns
        self._lateness.add(came_ns - time_ns, passed_ns)
        slew = passed_ns * RESIDUAL_SLEW[abs(self._residual_ns) > RESIDUAL_FAR_NS]
        self._residual_ns -= max(-int(slew), min(int(slew), self._residual_ns))

    def _earliest(self) -> int:
        return video_pts(self._begins) if self._last_pts is None else self._last_pts + MIN_STEP

    def _fill_video(self, now: int) -> list[VideoItem]:
        lag_ns = LAG_NS if self._expects_video else IDLE_LAG_NS
        lag = video_pts(lag_ns + self._lateness.unusual_ns)
        step = video_pts(FILL_NS)
        behind = video_pts(now) - lag
        if self._last_pts is None:
            pts = video_pts(self._begins)
        elif (steps := (behind - self._last_pts) // step) >= 1:
            pts = self._last_pts + steps * step
        else:
            return []
        self._last_pts = pts
        self._filled += 1
        return [VideoItem(pts, self._last_frame, filler=True)]
