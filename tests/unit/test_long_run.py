"""A day through the pure path: RTP clocks that wrap and drift, reports that err, long silences.

Each ten seconds the publisher makes a click and a frame of the same true moment. Two errors are
measured in what comes out: how much later a click stands than its frame, and how far the time
since the first settled click is from the true one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import av
import numpy as np
import pytest

from orchestrator.media import AUDIO_RATE, SECOND_NS, TrackKind
from orchestrator.pipes.timeline import VIDEO_RATE, Timeline
from orchestrator.pipes.timeline_items import AudioItem, Item, Samples, VideoItem
from orchestrator.sources.clock.arrival_delays import WINDOW_NS
from orchestrator.sources.clock.participant_clock import ParticipantClock
from orchestrator.sources.stream_times import STREAM_SHIFT, RtpTimestampMapper

pytestmark = [pytest.mark.all_only, pytest.mark.timeout(600)]

MS = 1_000_000
WRAP = 1 << 32
START_NS = 5_000 * SECOND_NS
NTP_NS = 3_900_000_000 * SECOND_NS

DAY_S = 24 * 3600
CLICK_S = 10
REPORT_S = 3
QUIET_S = 1
"""Between two frames while nobody speaks (Opus DTX); each click falls into one of them."""
SPEECH_S = 300
"""Of each hour, and at the end of the day, in which frames follow each other without a gap."""
SETTLED_S = 600
"""Reports that are off by 10 ms tell only after minutes how fast the microphone's crystal is."""

FRAME = AUDIO_RATE // 5
"""200 ms in one frame: the mixer may stretch it by 417 ppm, more than any clock here is off."""

AUDIO_FRAME: Samples = np.full((FRAME, 2), 1000, np.int16)
LOUD = 15_000
VIDEO_FRAME = av.VideoFrame(64, 48, "yuv420p")


def speaking(second: float) -> bool:
    """Whether audio goes on without a gap at this moment of the day."""
    return second % 3600 < SPEECH_S or second >= DAY_S - SPEECH_S


@dataclass
class Track:
    """One track of the publisher, from its RTP clock to the time that the recorder gives it."""

    kind: TrackKind
    rate: int
    speed: float
    """How fast its RTP clock runs, against true time."""
    first: int
    """The first RTP timestamp."""
    delay_ns: int
    jitter_ns: int
    """Mean of what comes on top of the delay; exponentially distributed."""
    wraps: int = 0
    _unwrap: RtpTimestampMapper = field(default_factory=RtpTimestampMapper)
    _timestamp: int = 0

    def timestamp(self, at_s: float) -> int:
        """RTP time of a true moment, as packets and reports carry it."""
        return (self.first + round(at_s * self.rate * self.speed)) % WRAP

    def time(self, clock: ParticipantClock, at_s: float, chance: random.Random) -> int:
        """The recorder's time of a frame captured at a true moment."""
        timestamp = self.timestamp(at_s)
        self.wraps += timestamp < self._timestamp
        self._timestamp = timestamp
        late_ns = self.delay_ns + int(chance.expovariate(1 / self.jitter_ns))
        return clock.time(
            self.kind,
            1,
            kind=self.kind,
            rate=self.rate,
            rtp=self._unwrap.map(timestamp) & ((1 << STREAM_SHIFT) - 1),
            arrival_ns=START_NS + round(at_s * SECOND_NS) + late_ns,
        )

    def report(self, clock: ParticipantClock, at_s: float, sender_ns: int) -> None:
        """A sender report: at this true moment the sender's clock showed `sender_ns`."""
        ntp = ((NTP_NS + sender_ns) << 32) // SECOND_NS
        clock.report(
            self.kind,
            1,
            kind=self.kind,
            rate=self.rate,
            rtp=self.timestamp(at_s),
            ntp=ntp,
            arrival_ns=START_NS + round(at_s * SECOND_NS) + self.delay_ns,
        )


class Day:
    """A publisher, the recorder's pure path, and where clicks and frames came out.

    The publisher's clock runs `clock_ppm` faster than ours, its microphone's crystal another
    `crystal_ppm` faster than that. True time is ours.
    """

    def __init__(self, clock_ppm: float, crystal_ppm: float) -> None:
        self.chance = random.Random(1)
        self.speed = 1 + clock_ppm / 1e6
        crystal = self.speed + crystal_ppm / 1e6
        self.samples_per_s = AUDIO_RATE * crystal
        audio, video = TrackKind.AUDIO, TrackKind.VIDEO
        self.audio = Track(audio, AUDIO_RATE, crystal, WRAP - 10**9, 30 * MS, 5 * MS)
        self.video = Track(video, VIDEO_RATE, self.speed, WRAP - 10**9, 80 * MS, 10 * MS)
        self.clock = ParticipantClock()
        self.timeline = Timeline()
        self.timeline.expect(audio=frozenset({"audio"}), video=True)
        self.clicks: list[float] = []
        """Seconds in the recording; so are the frames that were taken with them."""
        self.frames: list[float] = []
        self.gaps: list[int] = []
        """Seconds of speech in which silence was put in."""
        self.position: int | None = None
        self._sent = 0
        self._report: tuple[int, int] = (0, 0)

    def run(self) -> None:
        """Everything in the order of its time, a second at a time."""
        for second in range(DAY_S):
            filled = self.timeline.statistics().audio.filled
            if second % REPORT_S == 1:
                self._send_reports(second)
            self._send_frame(second)
            for first in self._frames_until(second + 1):
                self._send_audio(first)
            self._take(self.timeline.tick(START_NS + (second + 1) * SECOND_NS + 200 * MS))
            if (
                self.timeline.statistics().audio.filled > filled
                and speaking(second - 1)
                and speaking(second)
            ):
                self.gaps.append(second)
        self._take(self.timeline.finish())

    def _frames_until(self, until_s: int) -> Iterator[int]:
        while (self._sent + FRAME) / self.samples_per_s <= until_s:
            yield self._sent
            self._sent += FRAME
            if not speaking(now_s := self._sent / self.samples_per_s):
                self._sent = round((now_s // QUIET_S + 1) * QUIET_S * self.samples_per_s)

    def _send_audio(self, first: int) -> None:
        """The microphone's samples from `first` on, with a click where one belongs."""
        samples = AUDIO_FRAME
        click_s = (first + FRAME) / self.samples_per_s // CLICK_S * CLICK_S
        if (at := round(click_s * self.samples_per_s) - first) >= 0 and click_s > 0:
            samples = AUDIO_FRAME.copy()
            samples[at] = 2 * LOUD
        time_ns = self.audio.time(self.clock, first / self.samples_per_s, self.chance)
        self._take(self.timeline.push_audio("audio", time_ns, samples))

    def _send_frame(self, second: int) -> None:
        time_ns = self.video.time(self.clock, second, self.chance)
        items = self.timeline.push_video(time_ns, VIDEO_FRAME)
        self._take(items)
        if second > 0 and second % CLICK_S == 0:
            self.frames += [i.pts / VIDEO_RATE for i in items if isinstance(i, VideoItem)]

    def _send_reports(self, second: int) -> None:
        """The server repeats the publisher's last one: two are always equal."""
        if second % (2 * REPORT_S) == 1:
            self._report = (second, self.chance.randint(-10 * MS, 10 * MS))
        at_s, error_ns = self._report
        sender_ns = round(at_s * self.speed * SECOND_NS)
        self.audio.report(self.clock, at_s, sender_ns + error_ns)
        self.video.report(self.clock, at_s, sender_ns)

    def _take(self, items: list[Item]) -> None:
        for item in items:
            if isinstance(item, AudioItem):
                assert self.position in (None, item.pts), "a sample is missing or doubled"
                self.position = item.pts + item.count
                if item.samples is not None and item.samples.max() > LOUD:
                    at = item.pts + int(item.samples[:, 0].argmax())
                    self.clicks.append(at / AUDIO_RATE)

    def apart_s(self) -> list[float]:
        """How much later each click stands than its frame."""
        return [click - frame for click, frame in zip(self.clicks, self.frames, strict=True)]


@pytest.mark.parametrize(("clock_ppm", "crystal_ppm"), [(200, 100), (-200, -100)])
def test_after_a_day_everything_stands_where_it_belongs(
    clock_ppm: float, crystal_ppm: float
) -> None:
    day = Day(clock_ppm, crystal_ppm)
    day.run()
    assert (day.audio.wraps, day.video.wraps) == (1, 2)
    assert day.gaps == []
    counts = day.timeline.statistics()
    assert counts.audio.late < FRAME, "only audio from before the first frame is left out"
    assert (counts.audio.early, counts.video_late, counts.video_filled) == (0, 0, 0)

    apart_s = day.apart_s()
    assert len(apart_s) == DAY_S // CLICK_S - 1
    assert max(map(abs, apart_s)) < 0.015
    settled = SETTLED_S // CLICK_S
    assert max(map(abs, apart_s[settled:])) < 0.005

    # The least delay is that of the last one or two windows, in which the clocks drift apart.
    followed_s = 2 * WINDOW_NS / SECOND_NS * abs(clock_ppm + crystal_ppm) / 1e6
    clicks = day.clicks[settled:]
    longer_s = [click - clicks[0] - n * CLICK_S for n, click in enumerate(clicks)]
    assert max(map(abs, longer_s)) < 0.005 + followed_s
