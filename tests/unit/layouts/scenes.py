"""Scenes for tests of layouts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from orchestrator.layouts import Canvas, Composition, Participant, Scene, Track
from orchestrator.layouts.loading import Layout, Layouts
from orchestrator.layouts.running import composed
from orchestrator.media import TrackSource

USUAL = Canvas(1280, 720)
CANVASES = (
    *(Canvas(1280, 720), Canvas(1920, 1080), Canvas(3840, 2160), Canvas(640, 360)),
    *(Canvas(720, 1280), Canvas(1080, 1920), Canvas(1080, 1080), Canvas(560, 1000)),
    *(Canvas(2560, 640), Canvas(16, 16), Canvas(8192, 16), Canvas(698, 394)),
)


@cache
def built_in() -> Layouts:
    return Layouts.load(None)


def layout(name: str) -> Layout:
    return built_in().get(name)


def compose(name: str, scene: Scene) -> Composition:
    return composed(layout(name), scene)


def room(canvas: Canvas = USUAL, count: int = 0, *, screens: Sequence[int] = ()) -> Scene:
    """Participants p0, p1, ... who joined one after the other, with cameras cam0, cam1, ..."""
    people = tuple(Participant(f"p{n}", f"Name {n}", joined_s=float(n)) for n in range(count))
    cameras = [Track(f"cam{n}", f"p{n}", width=1280, height=720) for n in range(count)]
    shared = [Track(f"screen{n}", f"p{n}", TrackSource.SCREEN_SHARE, 1920, 1200) for n in screens]
    return Scene(canvas, people, (*cameras, *shared))
