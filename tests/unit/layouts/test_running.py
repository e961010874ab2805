"""Layouts that raise, hang or are late: an error with file and line, and nothing worse."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import pytest

from orchestrator.errors import LayoutBroken
from orchestrator.layouts import Composition
from orchestrator.layouts.running import MOST_LATE_CALLS, LayoutRunner, composed
from tests.unit.layouts.own_layout import Mine
from tests.unit.layouts.scenes import layout, room


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ("    return 1 / 0\n", 5, "ZeroDivisionError: division by zero"),
        ("    x = 1\n    raise SystemExit(3)\n", 6, "SystemExit: 3"),
        ("    raise KeyboardInterrupt\n", 5, "KeyboardInterrupt"),
        ("    return layout(scene)\n", 5, "RecursionError"),
        ("    return grid(scene.canvas, 0 / scene.canvas)\n", 5, "TypeError"),
        ("    return None\n", 4, "layout() returned NoneType, not a Composition"),
        ("    return tiles(scene.tracks, [Rect(0, 0, 9, 9)] * 2)\n", 4, "overlap"),
    ],
)
def test_the_error_has_file_and_line(mine: Mine, body: str, line: int, words: str) -> None:
    mine.write(body)
    error = mine.error()
    assert error.error.startswith("Layout mine is broken: ")
    assert words in error.error
    assert error.error.endswith(f"({mine.path}:{line})")
    assert error.context["line"] == line


def test_after_an_error_the_layout_is_called_again(mine: Mine) -> None:
    mine.write("    assert scene.time_s, 'too early'\n    return Composition()\n")
    runner, scene = mine.runner(), room()
    with pytest.raises(LayoutBroken, match="AssertionError: too early"):
        runner.compose(scene)
    later = type(scene)(scene.canvas, time_s=1.0)
    assert runner.compose(later) == Composition()
    runner.close()


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("    while True:\n        scene = scene\n", 6),
        ("    import time\n\n    time.sleep(3)\n", 7),
        ("    import itertools\n    return sum(0 for _ in itertools.count())\n", 6),
    ],
)
def test_a_layout_that_stays_late_is_ended(mine: Mine, body: str, line: int) -> None:
    mine.write(body)
    runner, before = mine.runner(limit_s=0.1), set(threading.enumerate())
    begun_s = time.monotonic()
    with pytest.raises(LayoutBroken, match=r"layout\(\) took more than 0.1 s") as raised:
        runner.compose(room())
    assert abs(int(raised.value.context["line"]) - line) <= 1
    (thread,) = set(threading.enumerate()) - before
    while thread.is_alive():
        with pytest.raises(LayoutBroken, match=r"took more than 0.1 s"):
            runner.compose(room())
        assert time.monotonic() - begun_s < 30
        thread.join(0.05)
    assert time.monotonic() - begun_s > 1, "it had ten times the limit"
    with pytest.raises(LayoutBroken, match=r"took more than 0.1 s"):
        runner.compose(room())


@dataclass
class Gate:
    """A layout that doesn't end while its gate is closed, and says when it has."""

    mine: Mine

    def __post_init__(self) -> None:
        self.open, self.done = self.mine.folder / "open", self.mine.folder / "done"
        self.open.touch()
        self.mine.write(
            f"    from pathlib import Path\n    while not Path({str(self.open)!r}).exists():\n"
            f"        pass\n    Path({str(self.done)!r}).touch()\n    return Composition()\n"
        )

    def compose_late(self, runner: LayoutRunner) -> None:
        """A call that is late, and the end of it."""
        self.open.unlink()
        self.done.unlink(missing_ok=True)
        for _ in range(2):
            with pytest.raises(LayoutBroken, match="took more than"):
                runner.compose(room())
        self.open.touch()
        while not self.done.exists():
            time.sleep(0.01)


def compose_again(runner: LayoutRunner) -> Composition:
    """As soon as the late call has ended."""
    while True:
        with suppress(LayoutBroken):
            return runner.compose(room())


def test_a_layout_that_was_late_is_called_again(mine: Mine) -> None:
    gate, runner = Gate(mine), mine.runner(limit_s=1.0)
    for _ in range(MOST_LATE_CALLS):
        gate.compose_late(runner)
        assert compose_again(runner) == Composition()
    runner.close()


def test_a_layout_that_is_late_three_times_in_a_row_is_given_up(mine: Mine) -> None:
    gate, runner = Gate(mine), mine.runner(limit_s=1.0)
    gate.open.unlink()
    before = set(threading.enumerate())
    for late in range(MOST_LATE_CALLS):
        with pytest.raises(LayoutBroken, match="took more than"):
            runner.compose(room())
        (thread,) = set(threading.enumerate()) - before
        if late < MOST_LATE_CALLS - 1:
            # Its end, and the next call, which finds the gate closed.
            gate.open.touch()
            while not gate.done.exists():
                time.sleep(0.01)
            gate.open.unlink()
            gate.done.unlink()
            while runner._results.empty():
                time.sleep(0.01)
    thread.join(20)
    assert not thread.is_alive()


def test_a_runner_that_is_closed_has_no_thread(mine: Mine) -> None:
    mine.write("    return Composition()\n")
    before = set(threading.enumerate())
    runner = mine.runner()
    runner.compose(room())
    (thread,) = set(threading.enumerate()) - before
    runner.close()
    thread.join(10)
    assert not thread.is_alive()


def test_the_built_in_ones_may_not_change_the_scene() -> None:
    scene = room(count=3)
    composed(layout("grid"), scene)
    assert scene == room(count=3)
