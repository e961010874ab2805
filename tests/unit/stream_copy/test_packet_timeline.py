"""Encoded frames at their times: zero, order over tracks, what is late, what settles."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.media import EncodedFrame
from orchestrator.pausing import PauseMode
from orchestrator.stream_copy.packet_timeline import (
    HOLD_NS,
    ORDER_NS,
    START_WAIT_NS,
    PacketTimeline,
)
from orchestrator.stream_copy.track import Packet, Track
from tests.unit.stream_copy.packets import CAMERA, MS, SCREEN, VOICE, audio, video

H264 = Track("video", CAMERA.kind, "h264")


class Kept(PacketTimeline):
    """Keeps what it gave out."""

    def __init__(self, *, origin_ns: int | None = None) -> None:
        super().__init__(origin_ns=origin_ns)
        self.given: list[Packet] = []

    def push(self, sid: str, time_ns: int, track: Track, frame: EncodedFrame) -> list[Packet]:
        given = super().push(sid, time_ns, track, frame)
        self.given += given
        return given

    def everything(self) -> list[Packet]:
        self.given += self.finish()
        return self.given


def expecting(*, video: bool = True, audio: bool = True, origin_ns: int | None = None) -> Kept:
    timeline = Kept(origin_ns=origin_ns)
    timeline.expect(audio=frozenset({"A"}) if audio else frozenset(), video=video)
    return timeline


def places(packets: list[Packet]) -> list[tuple[str, int]]:
    return [(packet.track.kind.value[0], packet.time_ns // MS) for packet in packets]


def test_zero_is_the_first_video_frame() -> None:
    timeline = expecting()
    assert timeline.push("A", 5_000 * MS, VOICE, audio()) == []
    assert not timeline.begun
    timeline.push("A", 5_100 * MS, VOICE, audio())
    timeline.push("V", 5_090 * MS, CAMERA, video(key=True))
    assert timeline.begun
    assert timeline.held, "where the video stands beside the audio isn't known yet"
    timeline.settle("V", 0)
    assert places(timeline.everything()) == [("v", 0), ("a", 10)]
    assert timeline.statistics().audio_late_ns == 20 * MS, "what was before zero"


def test_audio_alone_begins_when_no_video_is_expected_or_comes() -> None:
    alone = expecting(video=False)
    alone.push("A", 7_000 * MS, VOICE, audio())
    assert alone.origin_ns == 7_000 * MS
    waiting = expecting()
    waiting.push("A", 7_000 * MS, VOICE, audio())
    waiting.push("A", 7_000 * MS + START_WAIT_NS - 1, VOICE, audio())
    assert not waiting.begun
    waiting.push("A", 7_000 * MS + START_WAIT_NS, VOICE, audio())
    assert waiting.origin_ns == 7_000 * MS


def test_tracks_are_given_out_in_order_of_time() -> None:
    timeline = expecting(audio=False)
    timeline.push("V", 0, CAMERA, video(key=True))
    for ms in (33, 66, 100, 133):
        timeline.push("V", ms * MS, CAMERA, video())
    for ms in (20, 40, 60, 80):
        timeline.push("A", ms * MS, VOICE, audio())
    assert places(timeline.given) == [("v", 0)], "at once"
    given = timeline.tick(ORDER_NS + 100 * MS)
    assert places(given) == [
        ("a", 20), ("v", 33), ("a", 40), ("a", 60), ("v", 66), ("a", 80), ("v", 100),
    ]  # fmt: skip
    assert places(timeline.finish()) == [("v", 133)]


def test_a_video_that_settles_moves_the_audio_that_is_held_to_it() -> None:
    timeline = expecting()
    timeline.push("V", 1_000 * MS, CAMERA, video(key=True))
    timeline.push("A", 1_300 * MS, VOICE, audio())
    timeline.push("V", 1_033 * MS, CAMERA, video())
    assert places(timeline.settle("V", 300 * MS)) == [("a", 0)]
    assert timeline.origin_ns == 1_300 * MS
    timeline.push("V", 1_366 * MS, CAMERA, video())
    assert places(timeline.everything()) == [("v", 0), ("v", 33), ("v", 66)]


def test_another_video_that_settles_is_slewed() -> None:
    """Its packets are written: those that follow reach their place little by little."""
    timeline = expecting(audio=False)
    timeline.push("V", 0, CAMERA, video(key=True))
    timeline.push("W", 0, SCREEN, video(key=True))
    timeline.settle("W", 500 * MS)
    for step in range(1, 101):
        timeline.push("W", (500 + step * 40) * MS, SCREEN, video())
    times = [p.time_ns // MS for p in timeline.everything() if p.track == SCREEN]
    steps = [after - before for before, after in pairwise(times)]
    assert max(steps) <= 51
    assert min(steps) >= 40
    assert times[-1] == 4_500


def test_held_audio_is_released_in_the_end() -> None:
    timeline = expecting()
    timeline.push("V", 0, CAMERA, video(key=True))
    timeline.push("A", 10 * MS, VOICE, audio())
    assert timeline.tick(ORDER_NS) == []
    assert places(timeline.tick(ORDER_NS + HOLD_NS)) == [("a", 10)]


def test_a_new_worker_goes_on_where_the_clock_is() -> None:
    timeline = expecting(origin_ns=1_000 * MS)
    timeline.push("V", 9_000 * MS, CAMERA, video(key=True))
    assert not timeline.held
    assert places(timeline.everything()) == [("v", 8_000)]


def test_no_frame_is_lost_where_times_go_back() -> None:
    """Another layer of simulcast begins with a keyframe of the same moment: all else needs it."""
    timeline = expecting(audio=False)
    for ms, key in ((0, True), (33, False), (33, True), (30, False), (66, False)):
        timeline.push("V", ms * MS, CAMERA, video(key=key))
    assert [p.time_ns // MS for p in timeline.everything()] == [0, 33, 34, 35, 66]


def test_frames_that_are_shown_in_another_order_keep_their_times() -> None:
    timeline = expecting(audio=False)
    for ms, key in ((0, True), (99, False), (33, False), (66, False), (198, True)):
        timeline.push("V", ms * MS, H264, video(key=key, codec="h264"))
    assert [p.time_ns // MS for p in timeline.everything()] == [0, 99, 33, 66, 198]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3_000), st.integers(0, 3)), max_size=60),
    st.booleans(),
)
def test_all_that_comes_is_given_out_once_in_order_within_its_track(
    pushes: list[tuple[bool, int, int]], begins: bool
) -> None:
    timeline = expecting(audio=False, origin_ns=0 if begins else None)
    given: list[Packet] = []
    sent = 0
    for is_video, ms, ticks in pushes:
        track, frame = (CAMERA, video(key=True)) if is_video else (VOICE, audio())
        given += timeline.push(track.name, (1_000 + ms) * MS, track, frame)
        sent += 1
        given += [p for _ in range(ticks) for p in timeline.tick((1_000 + ms) * MS)]
    given += timeline.finish()
    late = timeline.statistics().audio_late_ns // (20 * MS)
    assert len(given) + late == sent
    for track in (CAMERA, VOICE):
        times = [packet.time_ns for packet in given if packet.track == track]
        assert times == sorted(set(times))
        assert all(time_ns >= 0 for time_ns in times)


def test_frames_of_another_codec_follow_all_of_the_one_before() -> None:
    timeline, given_out = expecting(audio=False), list[Packet]()
    for number in range(10):
        frame = video(key=not number)
        given_out += timeline.push("V", (1000 + 33 * number) * MS, CAMERA, frame)
    # A publisher who has just begun is off by some tenths until he reports.
    for number in range(10):
        frame = video(key=not number, codec="h264")
        given_out += timeline.push("W", (1200 + 33 * number) * MS, H264, frame)
    given_out += timeline.finish()
    assert [packet.track for packet in given_out] == [CAMERA] * 10 + [H264] * 10
    times = [packet.time_ns for packet in given_out]
    assert all(a < b for a, b in pairwise(times)), "none is shown before its keyframe"
    assert times[-1] == (200 + 33 * 9) * MS


def test_frames_that_are_shown_in_another_order_stand_where_they_are_shown() -> None:
    timeline, given_out = expecting(audio=False), list[Packet]()
    for at, key in ((0, True), (100, False), (33, False), (66, False)):
        given_out += timeline.push("V", (1000 + at) * MS, H264, video(key=key, codec="h264"))
    given_out += timeline.finish()
    assert [packet.time_ns // MS for packet in given_out] == [0, 100, 33, 66]


def test_frames_of_an_open_gop_are_shown_before_its_keyframe() -> None:
    timeline = expecting(audio=False)
    shown = ((0, True), (120, False), (40, False), (80, False), (240, True), (160, False))
    for at, key in (*shown, (200, False), (360, False)):
        timeline.push("V", (1000 + at) * MS, H264, video(key=key, codec="h264"))
    given_out = [packet.time_ns // MS for packet in timeline.everything()]
    assert given_out == [0, 120, 40, 80, 240, 160, 200, 360]


def test_asked_for_again_before_its_end_has_come_a_pause_lasts_on() -> None:
    timeline = expecting(audio=False)
    timeline.push("V", 0, CAMERA, video(key=True))
    for ms in (33, 66, 100):
        timeline.push("V", ms * MS, CAMERA, video())
    assert timeline.pause(PauseMode.CUT, 110 * MS)
    assert not timeline.pause(PauseMode.CUT, 120 * MS), "it is paused already"
    timeline.resume(500 * MS)
    timeline.push("V", 520 * MS, CAMERA, video())
    assert timeline.pause(PauseMode.STILL, 530 * MS)
    current = timeline.pauses.current
    assert current is not None
    assert (current.number, current.mode) == (1, PauseMode.STILL), "as it was asked for last"
    timeline.push("V", 540 * MS, CAMERA, video(key=True))
    timeline.given += timeline.tick(4_000 * MS)
    assert timeline.pauses.current is current
    timeline.resume(5_000 * MS)
    timeline.push("V", 5_010 * MS, CAMERA, video(key=True))
    timeline.given += timeline.tick(5_300 * MS)
    assert timeline.pauses.current is None
    times = [ms for _, ms in places(timeline.everything())]
    assert times == [0, 33, 66, 100, 5_010]


def test_frames_of_an_end_that_was_taken_back_leave_their_video_without_a_keyframe() -> None:
    timeline = expecting()
    timeline.push("V", 0, CAMERA, video(key=True))
    timeline.settle("V", 0)
    assert timeline.pause(PauseMode.CUT, 50 * MS)
    timeline.resume(500 * MS)
    timeline.push("V", 510 * MS, CAMERA, video(key=True))  # audio of that moment is waited for
    assert timeline.pause(PauseMode.CUT, 520 * MS)
    timeline.resume(2_000 * MS)
    timeline.given += timeline.tick(4_000 * MS)  # no keyframe comes: it goes on without one
    assert timeline.pauses.current is None
    timeline.push("V", 4_010 * MS, CAMERA, video())
    assert places(timeline.everything()) == [("v", 0)]
