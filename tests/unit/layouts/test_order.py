"""Who is shown first, and who stays where they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.layouts import Look, Scene, Speaking, Track, in_order, page
from orchestrator.layouts.order import first_speaker
from orchestrator.media import TrackSource
from tests.unit.layouts.scenes import compose, room


def order(scene: Scene) -> list[str]:
    return [track.id for track in in_order(scene)]


def test_who_joined_first_comes_first() -> None:
    scene = room(count=3)
    late = replace(scene.participants[0], joined_s=9.0)
    scene = replace(scene, participants=(late, *scene.participants[1:]))
    assert order(scene) == ["cam1", "cam2", "cam0"]


def test_screens_come_first_and_unknown_sources_last() -> None:
    scene = room(count=3, screens=[2, 1])
    unknown = Track("unknown", "p0", TrackSource.UNKNOWN)
    scene = replace(scene, tracks=(unknown, *scene.tracks))
    assert order(scene) == ["screen1", "screen2", "cam0", "cam1", "cam2", "unknown"]


def test_speakers_come_first() -> None:
    said = (
        Speaking("p1", 0.2, began_s=1.0),
        Speaking("p2", 0.9, began_s=0.5),
        Speaking("p3", 0.0, began_s=3.0, ended_s=4.0),
        Speaking("p4", 0.0, began_s=2.0, ended_s=5.0),
    )
    scene = replace(room(count=6), speakers=said)
    assert order(scene) == ["cam2", "cam1", "cam3", "cam4", "cam0", "cam5"]


def test_a_camera_that_is_off_comes_behind() -> None:
    scene = room(count=3)
    off = replace(scene.tracks[0], muted=True)
    scene = replace(scene, tracks=(off, *scene.tracks[1:]))
    assert order(scene) == ["cam1", "cam2", "cam0"]


def test_who_publishes_no_video_is_shown_only_if_everyone_is() -> None:
    scene = room(count=3, screens=[1])
    scene = replace(scene, tracks=tuple(t for t in scene.tracks if t.id in ("screen1", "cam2")))
    assert order(scene) == ["screen1", "cam2"]
    everyone = replace(scene, look=Look(everyone=True))
    assert order(everyone) == ["screen1", "cam2", "placeholder:p0", "placeholder:p1"]


def test_tracks_of_those_who_left_are_not_shown() -> None:
    scene = room(count=2)
    assert order(replace(scene, participants=scene.participants[1:])) == ["cam1"]


def test_whoever_is_held_on_the_stage_comes_first_behind_screens() -> None:
    scene = replace(room(count=3, screens=[0]), stage="p2", speakers=(Speaking("p1", 0.5),))
    assert order(scene) == ["screen0", "cam2", "cam1", "cam0"]
    assert first_speaker(scene) == "p1"
    assert first_speaker(room()) is None


def test_a_screen_share_takes_the_stage() -> None:
    for name in ("grid", "speaker", "single-speaker", "side-by-side", "picture-in-picture"):
        assert compose(name, room(count=4, screens=[3])).shown[0] == "screen3"
    shared = compose("grid", room(count=4, screens=[3]))
    assert shared == compose("speaker", room(count=4, screens=[3]))


def tracks(*names: str) -> list[Track]:
    return [Track(name, name) for name in names]


@pytest.mark.parametrize(
    ("wanted", "shown", "size", "placed"),
    [
        ("abc", "", 3, "abc"),
        ("cba", "abc", 3, "abc"),  # the same people: nobody moves
        ("dabc", "abc", 3, "abd"),  # one comes in the place of one who leaves the page
        ("abcd", "abc", 4, "abcd"),  # a new one at the end
        ("ac", "abc", 3, "ac"),  # one left, nobody came
        ("acd", "abc", 3, "adc"),
        ("", "abc", 3, ""),
        ("abcd", "abcd", 2, "ab"),  # the page has become smaller
    ],
)
def test_pages(wanted: str, shown: str, size: int, placed: str) -> None:
    assert "".join(track.id for track in page(tracks(*wanted), shown, size)) == placed


@given(st.permutations("abcdefgh"), st.lists(st.sampled_from("abcdefghij")), st.integers(0, 9))
def test_a_page_has_the_first_ones_and_each_once(
    wanted: list[str], shown: list[str], size: int
) -> None:
    placed = [track.id for track in page(tracks(*wanted), shown, size)]
    assert sorted(placed) == sorted(wanted[:size])


def test_grid_tiles_stay_in_place_when_another_speaks() -> None:
    scene = room(count=4)
    before = compose("grid", scene)
    speaking = replace(scene, speakers=(Speaking("p3", 0.9),), shown=before.shown)
    assert compose("grid", speaking) == before


def test_the_speaker_before_takes_the_place_of_the_one_now() -> None:
    scene = room(count=4)
    before = compose("speaker", scene)
    assert before.shown == ("cam0", "cam1", "cam2", "cam3")
    after = compose("speaker", replace(scene, stage="p2", shown=before.shown))
    assert after.shown == ("cam2", "cam1", "cam0", "cam3")


def test_single_stays_with_its_track() -> None:
    scene = replace(room(count=3), speakers=(Speaking("p1", 0.9),))
    assert compose("single", scene).shown == ("cam1",)
    assert compose("single", replace(scene, shown=("cam2",))).shown == ("cam2",)
    assert compose("single", replace(scene, shown=("gone",))).shown == ("cam1",)
