"""What holds of the timeline whatever a room does, as long as frames come after their capture.

The order of what is given out: after a tick everything that is more than `LAG_NS` old for audio,
`LAG_NS + FILL_NS` for video, is given out or will never be, and nothing is given out before its
time. So an item stands at most `LAG_NS + FILL_NS`, and the time between two ticks, before one that
was given out earlier. Only zero has a video frame of its own, however late.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import av
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.media import AUDIO_RATE, SECOND_NS
from orchestrator.pipes.lateness import IDLE_LAG_NS, LAG_NS
from orchestrator.pipes.limiter import AHEAD, HOP
from orchestrator.pipes.mixer import GAP_SAMPLES, MAX_STRETCH, WINDOW_SAMPLES, samples_at
from orchestrator.pipes.timeline import FILL_NS, MIN_STEP, START_WAIT_NS, Timeline, video_pts
from orchestrator.pipes.timeline_items import AudioItem, Item, VideoItem

MS = 10**6
START_NS = 10**15

LEVELS = {"a": 1, "b": 10, "c": 100}
"""Each publication is one decimal digit of the mix: a 2 is a sample doubled."""

VIDEO_FRAMES = [av.VideoFrame(64, 48, "yuv420p"), av.VideoFrame(48, 64, "yuv420p")]


@dataclass(frozen=True)
class Audio:
    """The next frame of a publication, `gap_ms` after its last one (less than 0: an overlap)."""

    sid: str
    count: int
    gap_ms: int


@dataclass(frozen=True)
class Stall:
    """The publication's next frame is one that was captured `late_ms` ago."""

    sid: str
    late_ms: int


@dataclass(frozen=True)
class Video:
    """One that was captured `late_ms` ago."""

    late_ms: int
    frame: av.VideoFrame


@dataclass(frozen=True)
class Expect:
    """Somebody comes, goes, is muted or unmuted."""

    audio: frozenset[str]
    video: bool


@dataclass(frozen=True)
class Tick:
    """Time passes."""

    after_ms: int


Operation = Audio | Stall | Video | Expect | Tick


def first_sample(begins_ns: int) -> int:
    """The last one that isn't behind the PTS (1/90000 s) of a video frame at this moment."""
    return video_pts(begins_ns) * 48_000 // 90_000


@dataclass
class Room:
    """A timeline, what happens around it, and what is true of what it gives."""

    timeline: Timeline
    drift_ppm: int
    """How fast the publishers' crystals run."""
    now_ns: int = START_NS
    ends_ns: dict[str, int] = field(default_factory=dict)
    """Where each publication's audio ends."""
    early_ns: list[int] = field(default_factory=list)
    """Times of the audio that waits for a first video frame."""
    audio_frames: int = 0
    video_frames: int = 0
    fillers: int = 0
    expects_video: bool = False
    held: av.VideoFrame | None = None
    begins_ns: int | None = None
    """The first frame's time in the recording, never before zero; None before it."""
    position: int = 0
    known_ns: int = 0
    """Up to this moment audio came, or can't come any more."""
    last_pts: int | None = None
    laid: int = 0
    silent: int = 0

    def do(self, operation: Operation) -> None:
        """One thing happens."""
        match operation:
            case Audio(sid, count, gap_ms):
                self.push_audio(sid, self.ends_ns.get(sid, self.now_ns) + gap_ms * MS, count)
            case Stall(sid, late_ms):
                self.ends_ns[sid] = self.now_ns - late_ms * MS
            case Video(late_ms, frame):
                self.push_video(self.now_ns - late_ms * MS, frame)
            case Expect(audio, video):
                self.expects_video, self.held = video, self.held if video else None
                self.timeline.expect(audio=audio, video=video)
            case Tick(after_ms):
                self.now_ns += after_ms * MS
                self.tick()

    def push_audio(self, sid: str, time_ns: int, count: int) -> None:
        """Audio waits for a video frame only so long; then none is given out before it came."""
        end_ns = time_ns + count * SECOND_NS // AUDIO_RATE
        self.ends_ns[sid] = end_ns - (end_ns - time_ns) * self.drift_ppm // 1_000_000
        self.now_ns = max(self.now_ns, end_ns)
        self.audio_frames += 1
        self.early_ns.append(time_ns)
        self.known_ns = max(self.known_ns, end_ns)
        items = self.timeline.push_audio(sid, time_ns, np.full((count, 2), LEVELS[sid], np.int16))
        if not self.timeline.begun:
            assert self.expects_video
            assert time_ns - min(self.early_ns) < START_WAIT_NS
            assert items == []
            return
        self.begin(min(self.early_ns))
        self.take(items)

    def push_video(self, time_ns: int, frame: av.VideoFrame) -> None:
        """It stands at its own time, or that was given out already."""
        items = self.timeline.push_video(time_ns, frame)
        self.begin(time_ns)
        pts = video_pts(self.offset(time_ns))
        if items:
            assert items[0] == VideoItem(pts, frame)
            assert all(isinstance(item, AudioItem) for item in items[1:]), "that waited for it"
            self.video_frames += 1
            self.held = frame if self.expects_video else None
        else:
            assert pts < self.earliest()
        self.take(items)

    def tick(self) -> None:
        """Then neither audio nor video frame is further behind than it may be."""
        items = self.timeline.tick(self.now_ns)
        if not self.timeline.begun:
            assert items == []
            return
        self.known_ns = max(self.known_ns, self.now_ns - IDLE_LAG_NS)
        self.take(items)
        fillers = [item for item in items if isinstance(item, VideoItem)]
        assert all(item.filler and item.frame is self.held for item in fillers)
        self.fillers += len(fillers)
        behind_ns = self.offset(self.now_ns) - LAG_NS
        assert self.position > samples_at(behind_ns) - (AHEAD + 1) * HOP
        assert self.last_pts is not None
        assert self.last_pts >= video_pts(behind_ns - FILL_NS) or self.is_first(fillers)

    def is_first(self, video_frames: list[VideoItem]) -> bool:
        """Whether this is zero's own."""
        assert self.begins_ns is not None
        return [item.pts for item in video_frames] == [video_pts(self.begins_ns)]

    def begin(self, time_ns: int) -> None:
        """The first frame fixes zero, or stands where an earlier worker's clock is."""
        if self.begins_ns is None:
            self.begins_ns = max(self.offset(time_ns), 0)
            self.position = first_sample(self.begins_ns)

    def offset(self, time_ns: int) -> int:
        """After the recording's zero."""
        assert self.timeline.origin_ns is not None
        return time_ns - self.timeline.origin_ns

    def earliest(self) -> int:
        """Of a video frame that may still be given out, in PTS."""
        assert self.begins_ns is not None
        return video_pts(self.begins_ns) if self.last_pts is None else self.last_pts + MIN_STEP

    def take(self, items: list[Item]) -> None:
        """No sample missing or doubled, no video frame that isn't behind the one before."""
        for item in items:
            if isinstance(item, AudioItem):
                self.take_audio(item)
            else:
                assert self.earliest() <= item.pts <= video_pts(self.offset(self.now_ns))
                self.last_pts = item.pts
        assert self.timeline.next_sample == self.position
        known = samples_at(self.offset(self.known_ns)) + GAP_SAMPLES + MAX_STRETCH
        assert self.position <= max(known, first_sample(self.begins_ns or 0))
        mixer = self.timeline._mixer
        assert mixer.furthest <= mixer.position + WINDOW_SAMPLES

    def take_audio(self, item: AudioItem) -> None:
        """Goes on where the last ended; counts each publication's samples, and silence."""
        assert item.pts == self.position
        assert item.count > 0
        self.position += item.count
        if item.samples is None:
            self.silent += item.count
            return
        assert item.samples.shape == (item.count, 2)
        digits = [item.samples[:, 0] // level % 10 for level in LEVELS.values()]
        assert max(int(each.max()) for each in digits) <= 1
        self.laid += sum(int(each.sum()) for each in digits)
        self.silent += int((item.samples[:, 0] == 0).sum())

    def finish(self) -> None:
        """All that was held is given out, and the counts say what became of everything."""
        assert self.begins_ns is not None
        self.take(self.timeline.finish())
        counts = self.timeline.statistics()
        assert counts.video_received == self.video_frames + counts.video_late
        assert counts.video_filled == self.fillers
        assert counts.audio.written == self.position - first_sample(self.begins_ns)
        assert counts.audio.filled == self.silent
        laid = counts.audio.received - counts.audio.late - counts.audio.early
        assert abs(laid - self.laid) <= MAX_STRETCH * self.audio_frames


sids = st.sampled_from(sorted(LEVELS))
counts = st.sampled_from([960, 960, 960, 5760, 480, 7])
operations: st.SearchStrategy[list[Operation]] = st.lists(
    st.one_of(
        st.builds(Audio, sids, counts, st.just(0)),
        st.builds(Audio, sids, counts, st.integers(-50, 50) | st.integers(0, 400)),
        st.builds(Stall, sids, st.integers(0, 3000)),
        st.builds(Video, st.integers(0, 100) | st.integers(0, 3000), st.sampled_from(VIDEO_FRAMES)),
        st.builds(Expect, st.frozensets(sids), st.booleans()),
        st.builds(Tick, st.integers(0, 300) | st.sampled_from([1000, 5000, 3_600_000])),
    ),
    max_size=60,
)
origins_ns = st.none() | st.integers(0, 3600).map(lambda before_s: START_NS - before_s * SECOND_NS)


@given(operations, origins_ns, st.integers(-400, 400))
@settings(max_examples=300)
def test_whatever_a_room_does(
    happens: list[Operation], origin_ns: int | None, drift_ppm: int
) -> None:
    room = Room(Timeline(origin_ns=origin_ns), drift_ppm)
    for operation in happens:
        room.do(operation)
    if room.timeline.begun:
        room.finish()
