"""What is recorded is exactly what was captured outside of the pauses, with audio in step.

Audio is a count of its own samples, and each frame of video has a width of its own, so that what
comes out says when it was captured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import av
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from orchestrator.media import AUDIO_RATE, SECOND_NS
from orchestrator.pausing import EarlierPauses, PauseMode, PauseSpan
from orchestrator.pipes.timeline import FILL_NS, LEADING_SILENCE, MIN_STEP, Timeline
from orchestrator.pipes.timeline_items import AudioItem, Item, VideoItem

MS = 10**6
START_NS = 10**15
PACKET = 960
PACKET_NS = 20 * MS


@dataclass
class Room:
    """A microphone and a camera, in steps of five milliseconds."""

    fps: int
    audio_late_ms: int
    video_late_ms: int
    timeline: Timeline = field(default_factory=Timeline)
    now_ns: int = START_NS
    audio: int = 0
    video: int = 0
    frames: list[av.VideoFrame] = field(default_factory=list)
    given: list[Item] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    """From when to when it was paused."""

    def __post_init__(self) -> None:
        self.timeline.expect(audio=frozenset("a"), video=True)

    def frame_ns(self, number: int) -> int:
        return START_NS + number * SECOND_NS // self.fps

    def audio_ns(self, packet: int) -> int:
        return START_NS + packet * PACKET_NS

    def run(self, ms: int) -> None:
        """Time passes, and what was captured comes."""
        until_ns = self.now_ns + ms * MS
        while self.now_ns < until_ns:
            self.now_ns += 5 * MS
            while self.frame_ns(self.video) + self.video_late_ms * MS <= self.now_ns:
                frame = av.VideoFrame(2, 2, "yuv420p")
                self.frames.append(frame)
                self.given += self.timeline.push_video(
                    self.frame_ns(self.video), frame, came_ns=self.now_ns
                )
                self.video += 1
            due_ns = PACKET_NS + self.audio_late_ms * MS
            while self.audio_ns(self.audio) + due_ns <= self.now_ns:
                first = self.audio * PACKET
                counted = np.arange(first, first + PACKET) % 20_000 + 1
                samples = np.stack((counted, counted), axis=1).astype(np.int16)
                self.given += self.timeline.push_audio("a", self.audio_ns(self.audio), samples)
                self.audio += 1
            if self.now_ns // (100 * MS) > (self.now_ns - 5 * MS) // (100 * MS):
                self.given += self.timeline.tick(self.now_ns)

    def pause(self, mode: PauseMode, ms: int) -> None:
        """For so long."""
        assert self.timeline.pause(mode, self.now_ns)
        self.run(ms)
        span = self.timeline.pauses.current
        assert span is not None
        self.timeline.resume(self.now_ns)
        assert span.end_ns is not None
        self.spans.append((span.begin_ns, span.end_ns))

    def finish(self) -> None:
        self.run(800)
        self.given += self.timeline.finish()

    def is_kept(self, time_ns: int) -> bool:
        return not any(begin <= time_ns < end for begin, end in self.spans)

    def kept_samples(self) -> NDArray[np.int64]:
        """The numbers of those that were captured outside of pauses."""
        numbers = np.arange(self.audio * PACKET)
        times = START_NS + numbers * SECOND_NS // AUDIO_RATE
        paused = [(begin <= times) & (times < end) for begin, end in self.spans]
        kept: NDArray[np.int64] = numbers[~np.any(paused, axis=0)]
        return kept

    def cut_before(self, time_ns: int) -> int:
        return sum(min(time_ns, end) - begin for begin, end in self.spans if begin < time_ns)


lengths = st.integers(1, 1500)
rooms = st.builds(
    Room,
    fps=st.sampled_from([12, 24, 30, 60]),
    audio_late_ms=st.integers(0, 250),
    video_late_ms=st.integers(0, 250),
)
pauses = st.lists(st.tuples(st.integers(300, 1500), lengths), min_size=1, max_size=4)


@settings(max_examples=20)
@given(rooms, pauses)
def test_what_was_captured_outside_of_pauses_is_there_once_and_in_step(
    room: Room, plan: list[tuple[int, int]]
) -> None:
    room.run(700)
    for recorded_ms, paused_ms in plan:
        room.run(recorded_ms)
        room.pause(PauseMode.CUT, paused_ms)
    room.finish()
    origin_ns = room.timeline.origin_ns
    assert origin_ns is not None
    numbers = {id(frame): number for number, frame in enumerate(room.frames)}
    video = [item for item in room.given if isinstance(item, VideoItem) and not item.filler]
    shown = [numbers[id(item.frame)] for item in video]
    assert shown == [n for n in range(room.video) if room.is_kept(room.frame_ns(n))]
    for item, number in zip(video, shown, strict=True):
        captured_ns = room.frame_ns(number)
        place_ns = captured_ns - origin_ns - room.cut_before(captured_ns)
        assert -1 <= item.pts - place_ns * 90_000 / SECOND_NS <= MIN_STEP
    assert all(one.pts < other.pts for one, other in pairwise(video))
    heard = audio_of(room.given)
    expected = room.kept_samples() % 20_000 + 1
    assert len(heard) == len(expected), "none is missing, and none is there twice"
    wrong = np.flatnonzero(heard != expected)
    assert not len(wrong), (wrong[:5], heard[wrong[:5]], expected[wrong[:5]])


def audio_of(items: list[Item]) -> NDArray[np.int64]:
    """All samples in order; silence is -1."""
    parts, position = [], None
    for item in items:
        if isinstance(item, AudioItem):
            assert position in (None, item.pts), "one continuous stream"
            position = item.pts + item.count
            silence = np.full(item.count, -1)
            parts.append(silence if item.samples is None else item.samples[:, 0].astype(int))
    return np.concatenate(parts)


@settings(max_examples=20)
@given(rooms, st.integers(300, 1500), st.integers(1200, 4000))
def test_a_still_frame_and_silence_stand_for_the_time(
    room: Room, recorded_ms: int, paused_ms: int
) -> None:
    room.run(700 + recorded_ms)
    room.pause(PauseMode.STILL, paused_ms)
    room.run(1000)
    room.finish()
    ((begin_ns, end_ns),) = room.spans
    origin_ns = room.timeline.origin_ns
    assert origin_ns is not None
    begin, end = (round((at - origin_ns) * 90_000 / SECOND_NS) for at in (begin_ns, end_ns))
    inside = [i for i in room.given if isinstance(i, VideoItem) and begin < i.pts < end - 1]
    last = max(n for n in range(room.video) if room.frame_ns(n) < begin_ns)
    assert all(item.frame is room.frames[last] for item in inside), "the last frame stands"
    gaps = [i.pts for i in room.given if isinstance(i, VideoItem)]
    longest = max(b - a for a, b in pairwise(gaps))
    assert longest <= 90_000 * (FILL_NS + 1_300 * MS) // SECOND_NS
    heard = audio_of(room.given)
    first, after = (-((origin_ns - at) * AUDIO_RATE // SECOND_NS) for at in (begin_ns, end_ns))
    assert set(heard[first + 1 : after - 1].tolist()) <= {-1, 0}
    assert heard[first - 2] == (first - 2) % 20_000 + 1, "audio before it is there to the sample"
    assert heard[after + 2] == (after + 2) % 20_000 + 1, "and behind it"


def test_the_last_frame_stands_though_its_camera_is_turned_off() -> None:
    room = Room(30, 0, 0)
    room.run(1000)
    assert room.timeline.pause(PauseMode.STILL, room.now_ns)
    room.timeline.expect(audio=frozenset("a"), video=False)
    held: list[Item] = []
    for _ in range(40):
        room.now_ns += 100 * MS
        held += room.timeline.tick(room.now_ns)
    frames = [item.frame for item in held if isinstance(item, VideoItem)]
    assert frames
    assert None not in frames
    room.timeline.resume(room.now_ns)
    behind = [room.timeline.tick(room.now_ns + ms * MS) for ms in (1500, 3000)]
    black = [i.frame for items in behind for i in items if isinstance(i, VideoItem)]
    assert black[-1] is None


def test_nothing_pauses_before_there_is_a_zero_nor_twice() -> None:
    timeline = Timeline()
    assert not timeline.pause(PauseMode.CUT, START_NS)
    timeline.push_video(START_NS, av.VideoFrame(2, 2, "yuv420p"))
    assert timeline.pause(PauseMode.CUT, START_NS + MS)
    assert not timeline.pause(PauseMode.STILL, START_NS + 2 * MS)
    timeline.resume(START_NS + SECOND_NS)
    timeline.resume(START_NS + 2 * SECOND_NS)
    assert timeline.pauses.current is None


def test_the_next_worker_goes_on_where_the_pause_began() -> None:
    """The first one recorded for 10 s, 4 of them cut out, and was killed in its second pause."""
    begun_ns = START_NS + 10 * SECOND_NS
    opened = PauseSpan(2, PauseMode.CUT, begun_ns)
    earlier = EarlierPauses(2, 4 * SECOND_NS, opened)
    timeline = Timeline(origin_ns=START_NS, hold=True, earlier=earlier)
    timeline.expect(audio=frozenset(), video=True)
    now_ns = begun_ns + 100 * SECOND_NS
    assert timeline.push_video(now_ns, av.VideoFrame(2, 2, "yuv420p")) == []
    timeline.resume(now_ns + SECOND_NS)
    end_ns = opened.end_ns
    assert end_ns is not None
    items = timeline.push_video(end_ns + 2 * SECOND_NS, av.VideoFrame(2, 2, "yuv420p"))
    video = next(item for item in items if isinstance(item, VideoItem))
    assert video.pts == (6 + 2) * 90_000
    assert timeline.pauses.recent == (opened,)
    assert timeline.pause(PauseMode.CUT, end_ns + 3 * SECOND_NS)
    assert timeline.pauses.current is not None
    assert timeline.pauses.current.number == 3


@settings(max_examples=20)
@given(st.integers(200, 3000), st.integers(1, 900), st.integers(-700, 700))
def test_a_pause_of_the_first_seconds_moves_with_them(
    before_ms: int, paused_ms: int, by_ms: int
) -> None:
    """Video is still off its place, and audio waits: both are cut at one moment all the same."""
    room = Room(30, 20, 20, Timeline(hold=True))
    room.run(before_ms)
    origin_ns = room.timeline.origin_ns
    assert origin_ns is not None
    room.pause(PauseMode.CUT, paused_ms)
    room.run(300)
    room.given += room.timeline.settle_video(by_ms * MS)
    (span,) = room.timeline.pauses._spans
    assert span.end_ns is not None
    begin_ns, end_ns = room.spans[0]
    assert (span.begin_ns, span.end_ns) == (begin_ns + by_ms * MS, end_ns + by_ms * MS)
    assert room.timeline.origin_ns == origin_ns + by_ms * MS
    room.given += room.timeline.finish()
    heard = audio_of(room.given)
    room.spans = [(span.begin_ns, span.end_ns)]
    silent_ns = origin_ns + by_ms * MS + LEADING_SILENCE * SECOND_NS // AUDIO_RATE
    expected = room.kept_samples()
    expected = expected[expected * SECOND_NS // AUDIO_RATE + START_NS >= silent_ns]
    assert abs(len(heard[heard > 0]) - len(expected)) <= 1
    assert np.array_equal(heard[heard > 0][-1000:], expected[-1000:] % 20_000 + 1)
