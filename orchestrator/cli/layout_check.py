"""Checks a layout: tries it on many rooms and canvases."""

from __future__ import annotations

import time
from dataclasses import dataclass

from orchestrator.errors import LayoutBroken
from orchestrator.layouts.loading import Layout
from orchestrator.layouts.made_up import check_scenes
from orchestrator.layouts.running import LayoutRunner
from orchestrator.layouts.scene import Scene


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result for one layout."""

    name: str
    passed: bool
    message: str


def check_layout(layout: Layout) -> CheckResult:
    """Calls the layout with each scene; never raises for errors of the layout."""
    runner, longest_s, scenes = LayoutRunner(layout), 0.0, list(check_scenes())
    try:
        for scene in scenes:
            begun = time.perf_counter()
            try:
                runner.compose(scene)
            except LayoutBroken as error:
                return CheckResult(layout.name, False, f"{error.error} {_words(scene)}")
            longest_s = max(longest_s, time.perf_counter() - begun)
    finally:
        runner.close()
    message = f"{len(scenes)} scenes, {longest_s * 1000:.1f} ms at most"
    return CheckResult(layout.name, True, message)


def _words(scene: Scene) -> str:
    """Which scene it was."""
    people, tracks = len(scene.participants), len(scene.tracks)
    return f"with {people} participants and {tracks} tracks on {scene.canvas}"
