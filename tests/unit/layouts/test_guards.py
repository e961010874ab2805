"""Layouts that return nonsense or don't load, and canvases that are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.layout_check import check_layout
from orchestrator.errors import InvalidRequest, LayoutBroken
from orchestrator.layouts import Canvas, Composition, Rect, Tile
from orchestrator.layouts.canvas import canvas_of
from orchestrator.layouts.checking import MOST_TILES, problem_of
from orchestrator.layouts.loading import Layouts
from orchestrator.layouts.running import composed
from tests.unit.layouts.own_layout import HEAD, Mine
from tests.unit.layouts.scenes import room

CANVAS = Canvas(640, 360)
NOT_A_NUMBER: Any = float("nan")


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
