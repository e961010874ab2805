"""Layouts that raise, hang or return nonsense: an error with file and line, and nothing worse."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.layout_check import check_layout
from orchestrator.errors import InvalidRequest, LayoutBroken
from orchestrator.layouts import Canvas, Composition, Rect, Tile
from orchestrator.layouts.canvas import canvas_of
from orchestrator.layouts.checking import MOST_TILES, problem_of
from orchestrator.layouts.loading import Layouts
from orchestrator.layouts.running import LayoutRunner, composed
from tests.unit.layouts.scenes import layout, room

HEAD = "from orchestrator.layouts import *\n\n\ndef layout(scene):\n"
CANVAS = Canvas(640, 360)
NOT_A_NUMBER: Any = float("nan")


@dataclass
class Mine:
    """A folder with a layout of the user's own, called mine."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "mine.py"

    def write(self, body: str, head: str = HEAD) -> None:
        self.path.write_text(head + body)

    def load(self) -> Layouts:
        return Layouts.load(self.folder)

    def runner(self, limit_s: float = 5.0) -> LayoutRunner:
        return LayoutRunner(self.load().get("mine"), limit_s)

    def error(self) -> LayoutBroken:
        runner = self.runner()
        with pytest.raises(LayoutBroken) as raised:
            runner.compose(room(count=2))
        runner.close()
        return raised.value


@pytest.fixture
def mine(tmp_path: Path) -> Mine:
    return Mine(tmp_path)


# -- what it returns


def problem(*tiles: Tile, may_overlap: bool = False) -> str | None:
    return problem_of(Composition(tiles), CANVAS, {"a", "b"}, may_overlap=may_overlap)


def at(x: Any, y: Any, width: Any, height: Any, track: Any = "a", **style: Any) -> Tile:
    return Tile(track, Rect(x, y, width, height), **style)


def test_what_is_right() -> None:
    assert problem() is None
    assert problem(at(0, 0, 640, 360)) is None
    assert problem(at(0, 0, 320, 360), at(320, 0, 320, 360, "b")) is None
    assert problem(at(0, 0, 640, 360), at(0, 0, 2, 2, "b"), may_overlap=True) is None


@pytest.mark.parametrize(
    ("tile", "words"),
    [
        (at(-2, 0, 10, 10), "lies outside the canvas of 640x360: x=-2, y=0, width=10, height=10"),
        (at(632, 0, 10, 10), "lies outside the canvas"),
        (at(0, 352, 10, 10), "lies outside the canvas"),
        (at(0, 0, 0, 10), "is empty"),
        (at(0, 0, 10, -10), "is empty"),
        (at(0, 0, NOT_A_NUMBER, 10), "isn't in whole pixels (int): x=0, y=0, width=nan"),
        (at(0, 1.5, 10, 10), "isn't in whole pixels"),
        (at(0, 0, float("inf"), 10), "isn't in whole pixels"),
        (at(True, 0, 10, 10), "isn't in whole pixels"),
        (at("0", 0, 10, 10), "isn't in whole pixels (int): x=str"),
        (at(0, 0, 10**5000, 10), "width=more than 12 digits"),
        (at(0, 0, 10, 10, radius=-1), "has a radius"),
        (at(0, 0, 10, 10, radius=2.5), "has a radius"),
        (at(0, 0, 10, 10, fit="cover"), "has str as its fit"),
        (at(0, 0, 10, 10, label=None), "has a label"),
        (at(0, 0, 10, 10, "c"), "there is no track 'c'"),
        (at(0, 0, 10, 10, None), "there is no track 'None'"),
        (Tile("a", (0, 0, 10, 10)), "has tuple as its place"),  # type: ignore[arg-type]
    ],
)
def test_what_is_wrong_with_a_tile(tile: Tile, words: str) -> None:
    assert words in str(problem(tile))


def test_overlapping_tiles() -> None:
    found = problem(at(100, 0, 100, 100), at(0, 0, 102, 100, "b"))
    assert found == "the tiles of tracks 'b' and 'a' overlap; OVERLAPS = True in the file allows it"


def test_a_track_has_one_tile() -> None:
    assert problem(at(0, 0, 10, 10), at(20, 0, 10, 10)) == "track 'a' has two tiles"


def test_a_composition_is_tiles() -> None:
    returned: Any
    for returned in (None, [], (at(0, 0, 10, 10),), 7):
        assert "not a Composition" in str(problem_of(returned, CANVAS, (), may_overlap=False))
    for returned in ([at(0, 0, 10, 10)], ("a",), None):
        found = problem_of(Composition(returned), CANVAS, {"a"}, may_overlap=False)
        assert found == "the tiles of a Composition must be a tuple of Tile"
    many = tuple(at(0, 0, 2, 2) for _ in range(MOST_TILES + 1))
    assert "256 is the limit" in str(problem(*many))


# -- how it fails


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
def test_a_layout_that_takes_too_long_is_left(mine: Mine, body: str, line: int) -> None:
    mine.write(body)
    runner, before = mine.runner(limit_s=0.2), set(threading.enumerate())
    begun_s = time.monotonic()
    for _ in range(2):
        with pytest.raises(LayoutBroken, match=r"layout\(\) took more than 0.2 s") as raised:
            runner.compose(room())
        assert abs(int(raised.value.context["line"]) - line) <= 1
    # The second call didn't wait; and its thread ends, whatever it did.
    assert time.monotonic() - begun_s < 2
    (thread,) = set(threading.enumerate()) - before
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


# -- files


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("def layout(scene:\n", 1, "SyntaxError"),
        ("x = 1\nimport nowhere\n", 2, "ModuleNotFoundError"),
        ("x = 1\n", None, "the function layout(scene) is missing"),
        ("x = 1\nlayout = 3\n", 2, "the function layout(scene) is missing"),
        ("def layout(scene): ...\nOVERLAPS = 1\n", 2, "OVERLAPS must be True or False"),
        ("raise SystemExit\n", 1, "SystemExit"),
    ],
)
def test_files_that_do_not_load(mine: Mine, text: str, line: int | None, words: str) -> None:
    mine.write(text, head="")
    layouts = mine.load()
    (failure,) = layouts.failures
    assert (failure.name, failure.path, failure.line) == ("mine", mine.path, line)
    assert words in failure.message
    with pytest.raises(LayoutBroken, match=words.replace("(", r"\(").replace(")", r"\)")):
        layouts.get("mine")
    assert layouts.get("grid").name == "grid"


def test_ones_own_replace_built_in_ones(mine: Mine) -> None:
    (mine.folder / "grid.py").write_text('"""Mine."""\n' + HEAD + "    return Composition()\n")
    (mine.folder / "_helper.py").write_text("1 / 0\n")
    (mine.folder / f"{'x' * 65}.py").write_text(HEAD + "    return Composition()\n")
    layouts = mine.load()
    assert layouts.get("grid").description == "Mine."
    assert [failure.name for failure in layouts.failures] == ["x" * 65]


def test_an_unknown_layout() -> None:
    with pytest.raises(InvalidRequest, match="Unknown layout: nope Use one of: grid, picture-in-"):
        Layouts.load(None).get("nope")


# -- the canvas


@pytest.mark.parametrize("size", ["16x16", "1280x720", "720x1280", "8192x4050", "7680x4320"])
def test_canvases(size: str) -> None:
    assert str(canvas_of(size)) == size


@pytest.mark.parametrize(
    "size",
    [
        *("3x3", "20000x20000", "1281x720", "1280x721", "14x720", "8194x16", "8192x8192"),
        *("", "1280", "1280x", "-2x16", "1e3x720", "１２８０x720", "9" * 5000 + "x16"),
    ],
)
def test_canvases_that_are_refused(size: str) -> None:
    with pytest.raises(InvalidRequest, match="even numbers from 16 to 8192, 33177600 pixels"):
        canvas_of(size)


def test_the_layout_in_the_documentation(mine: Mine) -> None:
    text = (Path(__file__).parents[3] / "docs" / "layouts.md").read_text()
    mine.write(text.partition("<!-- layout: strip.py -->\n```python\n")[2].partition("```")[0], "")
    strip = mine.load().get("mine")
    assert strip.description == "The speaker above, up to six others in a row below."
    assert len(composed(strip, room(count=9)).tiles) == 7
    assert check_layout(strip).passed
