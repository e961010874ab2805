"""Where every sound and picture stands in the recording. Pure: no clock, no I/O.

Zero is the first picture (or the first sound where no picture is expected). Audio is one continuous
stream; video keeps its own times, and while none comes a held or black picture follows each second
so that nothing behind us waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import av

from orchestrator.media import AUDIO_RATE, AUDIO_TIME_BASE, SECOND_NS, VIDEO_TIME_BASE
from orchestrator.pipes.items import Item, Samples, VideoItem
from orchestrator.pipes.mixer import Mixer, MixerStatistics, samples_at

START_WAIT_NS: Final = 2 * SECOND_NS
"""How long sound waits for the first picture before the recording begins without one."""

EARLY_FRAMES: Final = 2048
"""So many frames of sound wait at most: those of twenty microphones (20 ms each)."""

LAG_NS: Final = 700_000_000
"""How late a frame may come. aiortc holds audio back for up to 320 ms after a loss (16 packets)."""

IDLE_LAG_NS: Final = 100_000_000
"""The same while nothing is expected: everything is muted or gone."""

FILL_NS: Final = SECOND_NS
"""A picture at least this often."""

PIECE: Final = AUDIO_RATE // 10
"""0.1 s: sound is given out in pieces of this length at least, which is less work for all behind
than one for each frame."""

VIDEO_RATE: Final = 90_000

MIN_STEP: Final = VIDEO_RATE // 250
"""4 ms. What is closer to the picture before is the same one again: a change of simulcast layer
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
    """Held or black pictures put in."""
    video_late: int
    """Pictures that came behind one already given out, or are that one again."""


class Timeline:
    """Puts frames with capture times into order; gives items with PTS.

    `origin_ns` is the moment of zero, known when a new worker goes on with a recording.
    """

    def __init__(self, *, origin_ns: int | None = None) -> None:
        self.origin_ns = origin_ns
        """The moment of zero; None before the first frame."""
        self.begun = False
        """Whether a first frame has come, and zero is fixed."""
        self._early: list[tuple[str, int, Samples]] = []
        """Sound that waits for the first picture."""
        self._mixer = Mixer()
        self._expects_audio: frozenset[str] = frozenset()
        self._expects_video = False
        self._last_pts: int | None = None
        self._last_frame: av.VideoFrame | None = None
        self._begins = 0
        self._received = self._filled = self._late = 0

    @property
    def next_sample(self) -> int:
        """Position of the next sound given out."""
        return self._mixer.position

    def expect(self, *, audio: frozenset[str], video: bool) -> None:
        """What should be coming now: subscribed and not muted; audio by publication."""
        self._expects_audio, self._expects_video = audio, video
        self._mixer.expect(audio)
        if not video:
            self._last_frame = None

    def push_audio(self, sid: str, time_ns: int, samples: Samples) -> list[Item]:
        """Sound captured at `time_ns`; gives what is complete by it."""
        if not self.begun:
            self._early.append((sid, time_ns, samples))
            first_ns = min(at_ns for _, at_ns, _ in self._early)
            waits = time_ns - first_ns < START_WAIT_NS and len(self._early) < EARLY_FRAMES
            if self._expects_video and waits:
                return []
            self._begin(first_ns)
        else:
            self._mixer.push(sid, samples_at(self._offset(time_ns)), samples)
        ready = self._mixer.ready
        return [*self._mixer.pull(ready)] if ready - self._mixer.position >= PIECE else []

    def push_video(self, time_ns: int, frame: av.VideoFrame) -> list[Item]:
        """A picture captured at `time_ns`."""
        self._received += 1
        if not self.begun:
            self._begin(time_ns)
        pts = video_pts(self._offset(time_ns))
        if pts < self._earliest():
            self._late += 1
            return []
        # What was on its way when the video was muted is not held: black follows.
        self._last_frame = frame if self._expects_video else None
        self._last_pts = pts
        return [VideoItem(pts, frame)]

    def tick(self, now_ns: int) -> list[Item]:
        """Time passes: fill what can't come any more."""
        if not self.begun:
            return []
        now = self._offset(now_ns)
        items: list[Item] = [*self._fill_video(now)]
        lag = LAG_NS if self._expects_audio else IDLE_LAG_NS
        items += self._mixer.pull(samples_at(now - lag))
        return items

    def finish(self) -> list[Item]:
        """No more comes: give out the sound that is still held."""
        return [*self._mixer.pull(self._mixer.furthest)] if self.begun else []

    def statistics(self) -> TimelineStatistics:
        """Counts so far."""
        return TimelineStatistics(
            self._mixer.statistics(), self._received, self._filled, self._late
        )

    def _offset(self, time_ns: int) -> int:
        assert self.origin_ns is not None
        return time_ns - self.origin_ns

    def _begin(self, time_ns: int) -> None:
        """The first frame: it is zero, or stands where the clock of an earlier worker is."""
        self.begun = True
        if self.origin_ns is None:
            self.origin_ns = time_ns
        self._begins = max(self._offset(time_ns), 0)
        # Not behind the first picture: what is before a segment's first sample is left out of it.
        first = int(video_pts(self._begins) * VIDEO_TIME_BASE / AUDIO_TIME_BASE)
        self._mixer = Mixer(first)
        self._mixer.expect(self._expects_audio)
        for sid, at_ns, samples in self._early:
            position = samples_at(self._offset(at_ns))
            if (cut := max(first - position, 0)) < len(samples):
                self._mixer.push(sid, position + cut, samples[cut:])
        self._early.clear()

    def _earliest(self) -> int:
        return video_pts(self._begins) if self._last_pts is None else self._last_pts + MIN_STEP

    def _fill_video(self, now: int) -> list[VideoItem]:
        lag = video_pts(LAG_NS if self._expects_video else IDLE_LAG_NS)
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
