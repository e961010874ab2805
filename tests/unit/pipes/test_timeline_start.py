"""The first seconds: audio waits for its place beside video, video for nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.media import AUDIO_RATE, SECOND_NS
from orchestrator.pipes.timeline import (
    AUDIO_HOLD_NS,
    LEADING_SILENCE,
    MAX_EARLY_FRAMES,
    START_WAIT_NS,
    Timeline,
)
from orchestrator.pipes.timeline_items import AudioItem, Item, Samples, VideoItem
from tests.unit.pipes.test_timeline import audio, video

MS = 10**6
FRAME = 960
FRAME_NS = FRAME * SECOND_NS // AUDIO_RATE
VIDEO_FRAME_NS = SECOND_NS // 30
VIDEO_FRAME = av.VideoFrame(64, 48, "yuv420p")


def audio_samples(number: int) -> Samples:
    """A frame that can be distinguished from others."""
    return np.full((FRAME, 2), number % 30_000 + 1, np.int16)


@dataclass
class Room:
    """Audio from the first moment on, video that comes `late_ns` behind it; times by arrivals."""

    late_ns: int
    timeline: Timeline = field(default_factory=lambda: Timeline(hold=True))
    items: list[Item] = field(default_factory=list)
    settled: bool = False

    def __post_init__(self) -> None:
        self.timeline.expect(audio=frozenset("a"), video=True)

    def run(self, begin_ns: int, end_ns: int, *, settle_ns: int | None = None) -> None:
        """What arrives in that time; what stands beside what is known from `settle_ns` on."""
        timeline = self.timeline
        for now_ns in range(begin_ns, end_ns, 10 * MS):
            if settle_ns is not None and now_ns >= settle_ns and not self.settled:
                self.settled = True
                self.items += timeline.settle_video(-self.late_ns)
            if now_ns % FRAME_NS == 0:
                self.items += timeline.push_audio("a", now_ns, audio_samples(now_ns // FRAME_NS))
            if now_ns >= self.late_ns and (now_ns - self.late_ns) % (4 * 10 * MS) == 0:
                time_ns = now_ns - (self.late_ns if self.settled else 0)
                self.items += timeline.push_video(time_ns, VIDEO_FRAME, came_ns=now_ns)
            if now_ns % (100 * MS) == 0:
                self.items += timeline.tick(now_ns)

    def heard(self) -> Samples:
        """All the audio given out, from zero on."""
        parts = [
            np.zeros((item.count, 2), np.int16) if item.samples is None else item.samples
            for item in audio(self.items)
        ]
        return np.concatenate(parts)


@pytest.mark.parametrize("late_ms", [0, 200, 1300, 2500])
def test_what_belongs_together_stands_together_from_the_first_frame(late_ms: int) -> None:
    room = Room(late_ms * MS)
    room.run(0, 12 * SECOND_NS, settle_ns=late_ms * MS + 3 * SECOND_NS)
    room.items += room.timeline.finish()
    heard = room.heard()
    assert not heard[:LEADING_SILENCE].any()
    # The first video frame was captured with the audio of the first moment.
    wanted = np.concatenate([audio_samples(number) for number in range(600)])
    assert len(heard) >= len(wanted) - 100
    assert np.array_equal(heard[LEADING_SILENCE : len(wanted)], wanted[LEADING_SILENCE:])
    shown = video(room.items)
    assert [p.pts for p in shown] == [n * 3600 for n in range(len(shown))], "as they came"
    assert not any(p.filler for p in shown)
    assert room.timeline.statistics().video_late == 0


def test_video_goes_on_while_audio_waits_and_an_encoder_has_what_it_begins_with() -> None:
    room = Room(100 * MS)
    room.run(0, 3 * SECOND_NS)
    assert len(room.heard()) == LEADING_SILENCE
    assert not room.heard().any()
    assert isinstance(room.items[0], VideoItem)
    assert isinstance(room.items[1], AudioItem)
    assert len(video(room.items)) == 73
    counts = room.timeline.statistics().audio
    assert (counts.written, counts.filled) == (LEADING_SILENCE, LEADING_SILENCE)
    assert abs(counts.received - 2.9 * AUDIO_RATE) < 2 * FRAME, "it came, and is held"


def test_audio_waits_only_so_long() -> None:
    room = Room(0)
    room.run(0, AUDIO_HOLD_NS - 10 * MS)
    assert len(room.heard()) == LEADING_SILENCE
    room.run(AUDIO_HOLD_NS - 10 * MS, AUDIO_HOLD_NS + 300 * MS)
    assert len(room.heard()) > 6 * AUDIO_RATE
    assert room.timeline.statistics().audio.late == 0


def test_a_microphone_muted_meanwhile_holds_nothing_up() -> None:
    room = Room(0)
    room.run(0, SECOND_NS)
    room.timeline.expect(audio=frozenset(), video=True)
    items = room.timeline.tick(SECOND_NS + 100 * MS)
    assert sum(a.count for a in audio(items)) >= AUDIO_RATE - LEADING_SILENCE - FRAME


@pytest.mark.parametrize("end", ["finish", "change"])
def test_what_was_held_is_given_out_when_nothing_more_will_be_known(end: str) -> None:
    room = Room(0)
    room.run(0, SECOND_NS)
    room.items += room.timeline.change_video() if end == "change" else []
    room.items += room.timeline.finish()
    assert len(room.heard()) == AUDIO_RATE


def test_no_more_audio_waits_than_there_is_room_for() -> None:
    timeline = Timeline(hold=True)
    timeline.expect(audio=frozenset("a"), video=True)
    timeline.push_video(0, VIDEO_FRAME)
    items: list[Item] = []
    for number in range(MAX_EARLY_FRAMES):
        assert not items
        items = timeline.push_audio("a", number * MS, audio_samples(1)[:48])
    assert sum(a.count for a in audio(items)) >= AUDIO_RATE


@pytest.mark.parametrize(("heard", "origin_ns"), [(False, None), (True, 0)])
def test_video_without_audio_and_a_new_worker_hold_nothing(
    heard: bool, origin_ns: int | None
) -> None:
    timeline = Timeline(origin_ns=origin_ns, hold=True)
    timeline.expect(audio=frozenset("a" if heard else ""), video=True)
    timeline.push_video(0, VIDEO_FRAME)
    assert sum(a.count for a in audio(timeline.tick(3 * SECOND_NS))) > 2 * AUDIO_RATE


def test_video_alone_is_moved_without_anybody_seeing_it() -> None:
    timeline = Timeline(hold=True)
    timeline.expect(audio=frozenset(), video=True)
    pts = []
    for number in range(60):
        if number == 15:
            timeline.settle_video(-80 * MS)
        time_ns = number * VIDEO_FRAME_NS - (80 * MS if number >= 15 else 0)
        pts += [p.pts for p in video(timeline.push_video(time_ns, VIDEO_FRAME))]
    assert {after - before for before, after in pairwise(pts)} == {3000}


def test_video_of_a_new_worker_is_moved_smoothly() -> None:
    timeline = Timeline(origin_ns=-60 * SECOND_NS, hold=True)
    timeline.expect(audio=frozenset("a"), video=True)
    pts = []
    for number in range(600):
        if number == 30:
            timeline.settle_video(-1300 * MS)
        time_ns = number * VIDEO_FRAME_NS - (1300 * MS if number >= 30 else 0)
        pts += [p.pts for p in video(timeline.push_video(time_ns, VIDEO_FRAME))]
    assert len(pts) == 600, "none is left out"
    distances = [after - before for before, after in pairwise(pts)]
    assert min(distances) >= 2249
    assert abs(pts[-1] - round((60 + 599 / 30 - 1.3) * 90_000)) <= 1


def test_frames_that_come_late_for_good_are_waited_for() -> None:
    room = Room(2000 * MS)
    room.run(0, 10 * SECOND_NS, settle_ns=4 * SECOND_NS)
    before = len(video(room.items))
    # A pause of a second, which frames that come on time may have as well.
    for now_ns in range(10 * SECOND_NS, 11 * SECOND_NS, 100 * MS):
        room.items += room.timeline.tick(now_ns)
    room.run(11 * SECOND_NS, 12 * SECOND_NS)
    assert len(video(room.items)) == before + 25
    assert room.timeline.statistics().video_late == 0
    # One that has stopped is held all the same.
    for now_ns in range(12 * SECOND_NS, 16 * SECOND_NS, 100 * MS):
        room.items += room.timeline.tick(now_ns)
    assert any(p.filler for p in video(room.items))


def test_audio_waits_for_a_first_frame_that_is_late() -> None:
    room = Room(START_WAIT_NS - 20 * MS)
    room.run(0, 6 * SECOND_NS, settle_ns=5 * SECOND_NS)
    assert not any(p.filler for p in video(room.items))


moments = st.lists(
    st.tuples(
        st.sampled_from(["audio", "video", "tick", "settle", "mute", "change"]),
        st.integers(0, 20_000 * MS),
    ),
    max_size=60,
)


@given(moments)
def test_whatever_comes_audio_is_gapless_and_frames_go_forward(
    events: list[tuple[str, int]],
) -> None:
    timeline = Timeline(hold=True)
    timeline.expect(audio=frozenset("a"), video=True)
    out: list[Item] = []
    for kind, at in events:
        match kind:
            case "audio":
                out += timeline.push_audio("a", at, audio_samples(1))
            case "video":
                out += timeline.push_video(at, VIDEO_FRAME, came_ns=at + 100 * MS)
            case "settle":
                out += timeline.settle_video(at // 10 - 1000 * MS)
            case "change":
                out += timeline.change_video()
            case "mute":
                timeline.expect(audio=frozenset("a" if at % 2 else ""), video=True)
            case _:
                out += timeline.tick(at)
    out += timeline.finish()
    pieces = audio(out)
    assert all(after.pts == before.pts + before.count for before, after in pairwise(pieces))
    assert all(piece.pts == 0 for piece in pieces[:1])
    shown = [p.pts for p in video(out)]
    assert shown == sorted(set(shown))
    assert all(pts >= 0 for pts in shown)
