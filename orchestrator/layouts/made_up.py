"""Made-up scenes: for `layouts preview` without a description, and for `layouts check`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from orchestrator.layouts.canvas import Canvas
from orchestrator.layouts.scene import Microphone, Participant, Scene, Speaking, Track
from orchestrator.media import TrackSource

_NAMES = (
    "Ada Lovelace", "Σωκράτης", "دانا الخطيب", "王小明", "Ольга Иванова", "דנה (Dana) לוי",
    "आर्या शर्मा", "Łukasz Żak", "สมชาย ใจดี", "김민준", "Noé 🎧", "ゆき さとう",
)  # fmt: skip
_SIZES = ((1280, 720), (640, 480), (720, 1280), (1279, 719), (640, 160), (1920, 1080))
_CANVASES = ((1280, 720), (1920, 1080), (720, 1280), (640, 360), (1080, 1080), (16, 16))
_COUNTS = (0, 1, 2, 3, 5, 9, 26, 50)


def made_up_scene(canvas: Canvas, count: int, *, screen: bool = False) -> Scene:
    """A room of so many: the second speaks, the third is muted, the fourth's camera is off."""
    people = tuple(_participant(number) for number in range(count))
    tracks = tuple(_camera(number, who.identity) for number, who in enumerate(people))
    if screen and people:
        last = people[-1].identity
        tracks += (Track("screen", last, TrackSource.SCREEN_SHARE, 1920, 1200),)
    speakers = tuple(Speaking(who.identity, 0.5, 5.0) for who in people[1:2])
    return Scene(canvas, people, tracks, speakers, time_s=10.0)


def check_scenes() -> Iterator[Scene]:
    """Scenes that a layout has to cope with: nobody to 50, screens, portrait and tiny canvases."""
    for width, height in _CANVASES:
        for count in _COUNTS:
            for screen in (False, True):
                scene = made_up_scene(Canvas(width, height), count, screen=screen)
                yield scene
                yield replace(
                    scene, tracks=scene.tracks[::2], look=replace(scene.look, everyone=True)
                )


def _participant(number: int) -> Participant:
    name = _NAMES[number % len(_NAMES)]
    microphone = Microphone.MUTED if number % 5 == 2 else Microphone.ON
    return Participant(f"p{number}", name, joined_s=float(number), microphone=microphone)


def _camera(number: int, identity: str) -> Track:
    width, height = _SIZES[number % len(_SIZES)]
    return Track(f"camera-{number}", identity, width=width, height=height, muted=number % 7 == 3)
