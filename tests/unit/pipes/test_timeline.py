"""Where audio and video stand, and what fills the gaps."""

from __future__ import annotations

from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.media import AUDIO_TIME_BASE, SECOND_NS, VIDEO_TIME_BASE
from orchestrator.pipes.lateness import LAG_NS
from orchestrator.pipes.limiter import AHEAD, HOP
from orchestrator.pipes.timeline import CHUNK, MAX_EARLY_FRAMES, START_WAIT_NS, Timeline, video_pts
from orchestrator.pipes.timeline_items import AudioItem, Item, Samples, VideoItem

MS = 10**6
FRAME_NS = 20 * MS
SAMPLES: Samples = np.ones((960, 2), np.int16)
PIECES: Samples = np.ones((CHUNK, 2), np.int16)
"""Enough to be given out at once."""
VIDEO_FRAME = av.VideoFrame(64, 48, "yuv420p")
HELD = AHEAD * HOP
"""What the limiter looks ahead by; less than a hop more is held where pieces aren't whole hops."""


def audio(items: list[Item]) -> list[AudioItem]:
    return [i for i in items if isinstance(i, AudioItem)]


def video(items: list[Item]) -> list[VideoItem]:
    return [i for i in items if isinstance(i, VideoItem)]


@pytest.fixture
def timeline() -> Timeline:
    made = Timeline()
    made.expect(audio=frozenset("a"), video=True)
    return made


def test_zero_is_the_first_frame(timeline: Timeline) -> None:
    start = 10**15
    assert timeline.push_audio("a", start, SAMPLES) == []
    assert timeline.push_audio("a", start + FRAME_NS, SAMPLES) == []
    (item,) = video(timeline.push_video(start + 30 * MS, VIDEO_FRAME))
    assert item.pts == 0
    first, *_ = audio(timeline.push_audio("a", start + 2 * FRAME_NS, PIECES))
    assert first.pts == 0
    assert first.samples is not None
    # Of the first 40 ms of audio 30 lie before the first video frame.
    assert first.count == CHUNK + 2 * 960 - 1440 - HELD


def test_audio_waits_for_a_frame_only_so_long(timeline: Timeline) -> None:
    items: list[Item] = []
    sent = 0
    while not items and sent < 500:
        items = timeline.push_audio("a", sent * FRAME_NS, SAMPLES)
        sent += 1
    assert sent * FRAME_NS == START_WAIT_NS + FRAME_NS
    items += timeline.finish()
    assert sum(i.count for i in audio(items)) == sent * 960, "no audio is lost"


def test_audio_alone_begins_at_once() -> None:
    timeline = Timeline()
    timeline.expect(audio=frozenset("a"), video=False)
    (item,) = audio(timeline.push_audio("a", 5, PIECES))
    assert (item.pts, item.count) == (0, CHUNK - HELD)
    black = video(timeline.tick(5))
    assert [(v.pts, v.frame, v.filler) for v in black] == [(0, None, True)]


def test_audio_of_many_waits_for_a_frame_only_so_long_too(timeline: Timeline) -> None:
    items: list[Item] = []
    frames = ((sid, n * FRAME_NS) for n in range(500) for sid in "abcdefghijkl")
    while not timeline.begun:
        sid, time_ns = next(frames)
        items = timeline.push_audio(sid, time_ns, SAMPLES)
    assert time_ns == START_WAIT_NS
    (heard,) = audio([*items, *timeline.finish()][:1])
    assert heard.samples is not None
    assert (heard.samples[: 100 * 960] == 12).all(), "no audio is lost"


def test_no_more_audio_waits_than_there_is_room_for(timeline: Timeline) -> None:
    for n in range(MAX_EARLY_FRAMES):
        assert not timeline.begun
        timeline.push_audio("a", n, SAMPLES)
    assert timeline.begun


def test_the_earliest_audio_is_zero_not_the_first_that_came(timeline: Timeline) -> None:
    timeline.push_audio("a", 100 * MS, SAMPLES)
    timeline.push_audio("b", 0, SAMPLES)
    (item,) = audio(timeline.push_audio("a", START_WAIT_NS, SAMPLES))[:1]
    assert timeline.origin_ns == 0
    assert item.samples is not None
    assert (item.samples[:960] == 1).all()


def test_video_keeps_its_own_times(timeline: Timeline) -> None:
    times = [0, 33_366_667, 66_733_333, 300 * MS]
    found = [video(timeline.push_video(t, VIDEO_FRAME))[0].pts for t in times]
    assert found == [0, 3003, 6006, 27_000]


def test_a_frame_that_comes_behind_is_dropped_and_counted(timeline: Timeline) -> None:
    timeline.push_video(100 * MS, VIDEO_FRAME)
    assert timeline.push_video(100 * MS, VIDEO_FRAME) == []
    assert timeline.push_video(103 * MS, VIDEO_FRAME) == [], "the same one in another layer"
    assert timeline.push_video(104 * MS, VIDEO_FRAME) != []
    assert timeline.statistics().video_late == 2


def test_a_stalled_frame_is_held_each_second(timeline: Timeline) -> None:
    timeline.push_video(0, VIDEO_FRAME)
    assert video(timeline.tick(LAG_NS + 999 * MS)) == []
    (held,) = video(timeline.tick(LAG_NS + 1000 * MS))
    assert (held.pts, held.frame, held.filler) == (90_000, VIDEO_FRAME, True)
    # After a long sleep of the machine one frame is enough.
    (held,) = video(timeline.tick(LAG_NS + 3600_500 * MS))
    assert held.pts == 3600 * 90_000
    assert timeline.statistics().video_filled == 2


def test_a_muted_video_is_black(timeline: Timeline) -> None:
    timeline.push_video(0, VIDEO_FRAME)
    timeline.expect(audio=frozenset("a"), video=False)
    assert video(timeline.tick(2_000 * MS))[0].frame is None


def test_a_frame_that_was_on_its_way_when_muted_is_not_held(timeline: Timeline) -> None:
    timeline.push_video(0, VIDEO_FRAME)
    timeline.expect(audio=frozenset("a"), video=False)
    assert video(timeline.push_video(33 * MS, VIDEO_FRAME)) != []
    assert video(timeline.tick(2_000 * MS))[0].frame is None


@pytest.mark.parametrize("muted", [False, True])
def test_frames_after_a_gap_stand_at_their_own_time(timeline: Timeline, muted: bool) -> None:
    timeline.push_video(0, VIDEO_FRAME)
    timeline.expect(audio=frozenset("a"), video=not muted)
    held = [v.pts for ms in range(0, 7_500, 100) for v in video(timeline.tick(ms * MS))]
    assert held == [90_000 * n for n in range(1, 7 if not muted else 8)]
    timeline.expect(audio=frozenset("a"), video=True)
    times = [7_444_444_444, 7_477_777_778, 7_511_111_111]
    found = [v.pts for t in times for v in video(timeline.push_video(t, VIDEO_FRAME))]
    assert found == [670_000, 673_000, 676_000]
    assert video(timeline.tick(8_400 * MS)) == []
    assert timeline.statistics().video_late == 0


@pytest.mark.parametrize("muted", [False, True])
def test_audio_after_a_gap_longer_than_the_window_stands_in_its_place(
    timeline: Timeline, muted: bool
) -> None:
    timeline.push_video(0, VIDEO_FRAME)
    items = timeline.push_audio("a", 0, SAMPLES)
    timeline.expect(audio=frozenset("" if muted else "a"), video=True)
    items += timeline.push_audio("a", FRAME_NS, SAMPLES)  # was on its way
    for ms in range(0, 60_000, 100):
        items += timeline.tick(ms * MS)
    timeline.expect(audio=frozenset("a"), video=True)
    items += timeline.push_audio("a", 60_000 * MS + 20_833, SAMPLES)
    items += timeline.finish()
    heard = audio(items)
    assert [s.pts for s in heard[1:]] == [s.pts + s.count for s in heard[:-1]]
    last = heard[-1]
    assert last.samples is not None
    assert last.pts + last.count == 60 * 48_000 + 1 + 960
    assert (last.samples[-960:] == 1).all()
    assert not last.samples[:-960].any()
    assert timeline.statistics().audio.filled == 60 * 48_000 + 1 - 2 * 960


def test_silence_follows_when_audio_stops(timeline: Timeline) -> None:
    timeline.push_video(0, VIDEO_FRAME)
    timeline.push_audio("a", 0, SAMPLES)
    items = audio([*timeline.tick(LAG_NS + 1000 * MS), *timeline.finish()])
    assert [item.pts + item.count for item in items[:-1]] == [item.pts for item in items[1:]]
    heard = [item for item in items if item.samples is not None]
    assert (heard[0].pts, sum(s.count for s in heard)) == (0, 960)
    assert items[-1].pts + items[-1].count == 48_000
    assert items[len(heard)].samples is None


def test_audio_is_given_out_in_pieces(timeline: Timeline) -> None:
    timeline.push_video(0, VIDEO_FRAME)
    counts = [
        [i.count for i in audio(timeline.push_audio("a", n * FRAME_NS, SAMPLES))] for n in range(10)
    ]
    assert counts == [[], [], [], [], [CHUNK - HELD], [], [], [], [], [CHUNK]]


def test_finish_gives_out_what_is_held(timeline: Timeline) -> None:
    timeline.expect(audio=frozenset("ab"), video=True)
    timeline.push_video(0, VIDEO_FRAME)
    timeline.push_audio("a", 0, SAMPLES)
    timeline.push_audio("b", 0, SAMPLES)
    timeline.push_audio("a", FRAME_NS, SAMPLES)
    items = audio(timeline.finish())
    assert items[-1].pts + items[-1].count == 2 * 960


def test_a_new_worker_goes_on_where_the_clock_is() -> None:
    timeline = Timeline(origin_ns=123 - 60 * 10**9)
    timeline.expect(audio=frozenset("a"), video=True)
    (item,) = video(timeline.push_video(123, VIDEO_FRAME))
    assert item.pts == 60 * 90_000
    (heard,) = audio(timeline.push_audio("a", 123, PIECES))
    assert heard.pts == 60 * 48_000


@given(st.integers(0, 86_400 * SECOND_NS))
def test_a_first_frame_is_never_before_the_first_sample(offset_ns: int) -> None:
    timeline = Timeline(origin_ns=0)
    (item,) = video(timeline.push_video(offset_ns, VIDEO_FRAME))
    behind_s = item.pts * VIDEO_TIME_BASE - timeline.next_sample * AUDIO_TIME_BASE
    assert 0 <= behind_s < AUDIO_TIME_BASE


moments = st.lists(
    st.tuples(st.sampled_from(["audio", "video", "tick"]), st.integers(0, 20_000 * MS)), max_size=60
)


@given(moments)
def test_whatever_comes_audio_is_gapless_and_frames_go_forward(
    events: list[tuple[str, int]],
) -> None:
    timeline = Timeline()
    timeline.expect(audio=frozenset("a"), video=True)
    out: list[Item] = []
    for kind, at in events:
        match kind:
            case "audio":
                out += timeline.push_audio("a", at, SAMPLES)
            case "video":
                out += timeline.push_video(at, VIDEO_FRAME)
            case _:
                out += timeline.tick(at)
    heard = audio(out)
    for before, after in pairwise(heard):
        assert after.pts == before.pts + before.count
    assert all(s.pts == 0 for s in heard[:1])
    shown = [v.pts for v in video(out)]
    assert shown == sorted(set(shown))
    assert all(pts >= 0 for pts in shown)


def test_pts_are_exact_after_days() -> None:
    assert video_pts(30 * 86_400 * 10**9) == 30 * 86_400 * 90_000
