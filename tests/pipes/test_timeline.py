"""Where sounds and pictures stand, and what fills the holes."""

from __future__ import annotations

from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.media import AUDIO_TIME_BASE, SECOND_NS, VIDEO_TIME_BASE
from orchestrator.pipes.items import AudioItem, Item, Samples, VideoItem
from orchestrator.pipes.timeline import (
    EARLY_FRAMES,
    LAG_NS,
    PIECE,
    START_WAIT_NS,
    Timeline,
    video_pts,
)

MS = 10**6
FRAME_NS = 20 * MS
SOUND: Samples = np.ones((960, 2), np.int16)
PIECES: Samples = np.ones((PIECE, 2), np.int16)
"""Enough to be given out at once."""
PICTURE = av.VideoFrame(64, 48, "yuv420p")


def audio(items: list[Item]) -> list[AudioItem]:
    return [i for i in items if isinstance(i, AudioItem)]


def video(items: list[Item]) -> list[VideoItem]:
    return [i for i in items if isinstance(i, VideoItem)]


@pytest.fixture
def timeline() -> Timeline:
    made = Timeline()
    made.expect(audio=frozenset("a"), video=True)
    return made


def test_zero_is_the_first_picture(timeline: Timeline) -> None:
    start = 10**15
    assert timeline.push_audio("a", start, SOUND) == []
    assert timeline.push_audio("a", start + FRAME_NS, SOUND) == []
    (item,) = video(timeline.push_video(start + 30 * MS, PICTURE))
    assert item.pts == 0
    first, *_ = audio(timeline.push_audio("a", start + 2 * FRAME_NS, PIECES))
    assert first.pts == 0
    assert first.samples is not None
    # Of the first 40 ms of sound 30 lie before the first picture.
    assert first.count == PIECE + 2 * 960 - 1440


def test_sound_waits_for_a_picture_only_so_long(timeline: Timeline) -> None:
    items: list[Item] = []
    sent = 0
    while not items and sent < 500:
        items = timeline.push_audio("a", sent * FRAME_NS, SOUND)
        sent += 1
    assert sent * FRAME_NS == START_WAIT_NS + FRAME_NS
    assert sum(i.count for i in audio(items)) == sent * 960, "none of the sound is lost"


def test_sound_alone_begins_at_once() -> None:
    timeline = Timeline()
    timeline.expect(audio=frozenset("a"), video=False)
    (item,) = audio(timeline.push_audio("a", 5, PIECES))
    assert (item.pts, item.count) == (0, PIECE)
    black = video(timeline.tick(5))
    assert [(v.pts, v.frame, v.filler) for v in black] == [(0, None, True)]


def test_sound_of_many_waits_for_a_picture_only_so_long_too(timeline: Timeline) -> None:
    items: list[Item] = []
    frames = ((sid, n * FRAME_NS) for n in range(500) for sid in "abcdefghijkl")
    while not timeline.begun:
        sid, time_ns = next(frames)
        items = timeline.push_audio(sid, time_ns, SOUND)
    assert time_ns == START_WAIT_NS
    (sound,) = audio([*items, *timeline.finish()][:1])
    assert sound.samples is not None
    assert (sound.samples[: 100 * 960] == 12).all(), "none of the sound is lost"


def test_no_more_sound_waits_than_there_is_room_for(timeline: Timeline) -> None:
    for n in range(EARLY_FRAMES):
        assert not timeline.begun
        timeline.push_audio("a", n, SOUND)
    assert timeline.begun


def test_the_earliest_sound_is_zero_not_the_first_that_came(timeline: Timeline) -> None:
    timeline.push_audio("a", 100 * MS, SOUND)
    timeline.push_audio("b", 0, SOUND)
    (item,) = audio(timeline.push_audio("a", START_WAIT_NS, SOUND))[:1]
    assert timeline.origin_ns == 0
    assert item.samples is not None
    assert (item.samples[:960] == 1).all()


def test_video_keeps_its_own_times(timeline: Timeline) -> None:
    times = [0, 33_366_667, 66_733_333, 300 * MS]
    found = [video(timeline.push_video(t, PICTURE))[0].pts for t in times]
    assert found == [0, 3003, 6006, 27_000]


def test_a_picture_that_comes_behind_is_dropped_and_counted(timeline: Timeline) -> None:
    timeline.push_video(100 * MS, PICTURE)
    assert timeline.push_video(100 * MS, PICTURE) == []
    assert timeline.push_video(103 * MS, PICTURE) == [], "the same one in another layer"
    assert timeline.push_video(104 * MS, PICTURE) != []
    assert timeline.statistics().video_late == 2


def test_a_stalled_picture_is_held_each_second(timeline: Timeline) -> None:
    timeline.push_video(0, PICTURE)
    assert video(timeline.tick(LAG_NS + 999 * MS)) == []
    (held,) = video(timeline.tick(LAG_NS + 1000 * MS))
    assert (held.pts, held.frame, held.filler) == (90_000, PICTURE, True)
    # After a long sleep of the machine one picture is enough.
    (held,) = video(timeline.tick(LAG_NS + 3600_500 * MS))
    assert held.pts == 3600 * 90_000
    assert timeline.statistics().video_filled == 2


def test_a_muted_picture_is_black(timeline: Timeline) -> None:
    timeline.push_video(0, PICTURE)
    timeline.expect(audio=frozenset("a"), video=False)
    assert video(timeline.tick(2_000 * MS))[0].frame is None


def test_a_picture_that_was_on_its_way_when_muted_is_not_held(timeline: Timeline) -> None:
    timeline.push_video(0, PICTURE)
    timeline.expect(audio=frozenset("a"), video=False)
    assert video(timeline.push_video(33 * MS, PICTURE)) != []
    assert video(timeline.tick(2_000 * MS))[0].frame is None


@pytest.mark.parametrize("muted", [False, True])
def test_pictures_after_a_hole_stand_at_their_own_time(timeline: Timeline, muted: bool) -> None:
    timeline.push_video(0, PICTURE)
    timeline.expect(audio=frozenset("a"), video=not muted)
    held = [v.pts for ms in range(0, 7_500, 100) for v in video(timeline.tick(ms * MS))]
    assert held == [90_000 * n for n in range(1, 7 if not muted else 8)]
    timeline.expect(audio=frozenset("a"), video=True)
    times = [7_444_444_444, 7_477_777_778, 7_511_111_111]
    found = [v.pts for t in times for v in video(timeline.push_video(t, PICTURE))]
    assert found == [670_000, 673_000, 676_000]
    assert video(timeline.tick(8_400 * MS)) == []
    assert timeline.statistics().video_late == 0


@pytest.mark.parametrize("muted", [False, True])
def test_sound_after_a_hole_longer_than_the_window_stands_in_its_place(
    timeline: Timeline, muted: bool
) -> None:
    timeline.push_video(0, PICTURE)
    items = timeline.push_audio("a", 0, SOUND)
    timeline.expect(audio=frozenset("" if muted else "a"), video=True)
    items += timeline.push_audio("a", FRAME_NS, SOUND)  # was on its way
    for ms in range(0, 60_000, 100):
        items += timeline.tick(ms * MS)
    timeline.expect(audio=frozenset("a"), video=True)
    items += timeline.push_audio("a", 60_000 * MS + 20_833, SOUND)
    sound = audio(items)
    assert [s.pts for s in sound[1:]] == [s.pts + s.count for s in sound[:-1]]
    last = sound[-1]
    assert last.samples is not None
    assert last.pts + last.count == 60 * 48_000 + 1 + 960
    assert (last.samples[-960:] == 1).all()
    assert not last.samples[:-960].any()
    assert timeline.statistics().audio.filled == 60 * 48_000 + 1 - 2 * 960


def test_silence_follows_when_sound_stops(timeline: Timeline) -> None:
    timeline.push_video(0, PICTURE)
    timeline.push_audio("a", 0, SOUND)
    sound, silence = audio(timeline.tick(LAG_NS + 1000 * MS))
    assert (sound.pts, sound.count) == (0, 960)
    assert (silence.pts, silence.count) == (960, 48_000 - 960)
    assert sound.samples is not None
    assert silence.samples is None


def test_sound_is_given_out_in_pieces(timeline: Timeline) -> None:
    timeline.push_video(0, PICTURE)
    counts = [
        [i.count for i in audio(timeline.push_audio("a", n * FRAME_NS, SOUND))] for n in range(10)
    ]
    assert counts == [[], [], [], [], [PIECE]] * 2


def test_finish_gives_out_what_is_held(timeline: Timeline) -> None:
    timeline.expect(audio=frozenset("ab"), video=True)
    timeline.push_video(0, PICTURE)
    timeline.push_audio("a", 0, SOUND)
    timeline.push_audio("b", 0, SOUND)
    timeline.push_audio("a", FRAME_NS, SOUND)
    items = audio(timeline.finish())
    assert items[-1].pts + items[-1].count == 2 * 960


def test_a_new_worker_goes_on_where_the_clock_is() -> None:
    timeline = Timeline(origin_ns=123 - 60 * 10**9)
    timeline.expect(audio=frozenset("a"), video=True)
    (item,) = video(timeline.push_video(123, PICTURE))
    assert item.pts == 60 * 90_000
    (sound,) = audio(timeline.push_audio("a", 123, PIECES))
    assert sound.pts == 60 * 48_000


@given(st.integers(0, 86_400 * SECOND_NS))
def test_a_first_picture_is_never_before_the_first_sample(offset_ns: int) -> None:
    timeline = Timeline(origin_ns=0)
    (item,) = video(timeline.push_video(offset_ns, PICTURE))
    behind_s = item.pts * VIDEO_TIME_BASE - timeline.next_sample * AUDIO_TIME_BASE
    assert 0 <= behind_s < AUDIO_TIME_BASE


moments = st.lists(
    st.tuples(st.sampled_from(["audio", "video", "tick"]), st.integers(0, 20_000 * MS)), max_size=60
)


@given(moments)
def test_whatever_comes_sound_is_gapless_and_pictures_go_forward(
    events: list[tuple[str, int]],
) -> None:
    timeline = Timeline()
    timeline.expect(audio=frozenset("a"), video=True)
    out: list[Item] = []
    for kind, at in events:
        match kind:
            case "audio":
                out += timeline.push_audio("a", at, SOUND)
            case "video":
                out += timeline.push_video(at, PICTURE)
            case _:
                out += timeline.tick(at)
    sound = audio(out)
    for before, after in pairwise(sound):
        assert after.pts == before.pts + before.count
    assert all(s.pts == 0 for s in sound[:1])
    pictures = [v.pts for v in video(out)]
    assert pictures == sorted(set(pictures))
    assert all(pts >= 0 for pts in pictures)


def test_pts_are_exact_after_days() -> None:
    assert video_pts(30 * 86_400 * 10**9) == 30 * 86_400 * 90_000
