"""What calling a layout costs: the median of 300 calls, in microseconds.

.venv/bin/python -m tests.unit.layouts.bench
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from orchestrator.layouts import Canvas
from orchestrator.layouts.made_up import made_up_scene
from orchestrator.layouts.running import LayoutRunner, composed
from tests.unit.layouts.scenes import layout


def median_us(call: Callable[[], object]) -> float:
    """Of 300 calls, one after the other."""
    took = []
    for _ in range(300):
        begun_s = time.perf_counter()
        call()
        took.append(time.perf_counter() - begun_s)
    return statistics.median(took) * 1e6


def measure(name: str, count: int) -> str:
    """One layout with so many participants at 1920x1080."""
    chosen, scene = layout(name), made_up_scene(Canvas(1920, 1080), count)
    scene = replace(scene, shown=composed(chosen, scene).shown)
    runner = LayoutRunner(chosen)
    function = median_us(lambda: chosen.function(scene))
    checked = median_us(lambda: composed(chosen, scene))
    called = median_us(lambda: runner.compose(scene))
    runner.close()
    return f"{function:.0f} alone, {checked:.0f} checked, {called:.0f} in its thread"


if __name__ == "__main__":
    for number in (4, 25, 50):
        for each in ("grid", "speaker"):
            print(f"{each}, {number} participants: {measure(each, number)}")
