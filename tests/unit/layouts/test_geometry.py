"""Rectangles: egress' grids and stages, inside the canvas, apart from each other, at every size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.layouts import Canvas, Rect, Tile, corner, grid, grid_size, halves, stage
from orchestrator.layouts.grid import GAP, LEAST_TILE, GridSize, livekit_grid
from tests.unit.layouts.scenes import CANVASES, compose, room

LAYOUTS = ("single", "grid", "speaker", "single-speaker", "side-by-side", "picture-in-picture")

sides = st.integers(8, 2048).map(lambda half: 2 * half)
canvases = st.builds(Canvas, sides, sides)


def expected_grid(width: int, height: int, count: int) -> tuple[int, int]:
    """The rule of next to each other: smallest N x N that holds them; two have a row or column."""
    least = {1: 0, 2: 560, 3: 700, 4: 960, 5: 1100}
    if count == 1:
        return 1, 1
    pair = (2, 1) if width > height else (1, 2)
    if count == 2:
        return pair
    able = [n for n in (2, 3, 4, 5) if least[n] <= width]
    for n in able:
        if n * n >= count:
            return n, n
    return (able[-1], able[-1]) if able else pair


AT_THE_LIMITS = [
    Canvas(width, height)
    for least in (560, 700, 960, 1100)
    for width in (least - 2, least)
    for height in (400, 2000)
]


@pytest.mark.parametrize("canvas", [*CANVASES, *AT_THE_LIMITS], ids=str)
def test_grids_are_those_of_egress(canvas: Canvas) -> None:
    for count in range(1, 31):
        wanted = expected_grid(canvas.width, canvas.height, count)
        assert livekit_grid(canvas, count) == wanted, count
        if wanted[0] * wanted[1] >= count:
            assert grid_size(canvas, count) == wanted


@pytest.mark.parametrize(
    ("count", "size"),
    [
        *((1, (1, 1)), (2, (2, 1)), (3, (2, 2)), (4, (2, 2)), (5, (3, 3)), (9, (3, 3))),
        *((10, (4, 4)), (16, (4, 4)), (17, (5, 5)), (25, (5, 5))),
    ],
)
def test_grids_at_1080_lines(count: int, size: tuple[int, int]) -> None:
    assert grid_size(Canvas(1920, 1080), count) == size


@pytest.mark.parametrize(
    ("canvas", "count", "places"),
    [
        (Canvas(1920, 1080), 26, 30),  # 5 x 6 and 6 x 5 hold 30
        (Canvas(1920, 1080), 64, 64),
        (Canvas(1920, 1080), 500, 64),
        (Canvas(1280, 720), 100, 25),  # as many as egress
        (Canvas(1080, 1920), 30, 30),  # egress has 16
        (Canvas(640, 360), 9, 4),
    ],
)
def test_as_many_as_are_legible_beyond_egress(canvas: Canvas, count: int, places: int) -> None:
    assert grid_size(canvas, count).places == places
    for rect in grid(canvas, count):
        assert (rect.width, rect.height) >= (LEAST_TILE[0] - 2, LEAST_TILE[1] - 2)


@given(canvases, st.integers(1, 60))
def test_cells_are_equal_even_apart_and_inside(canvas: Canvas, count: int) -> None:
    cells = grid(canvas, count)
    size = grid_size(canvas, count)
    assert len(cells) == size.places
    assert {(cell.width, cell.height) for cell in cells} == {(cells[0].width, cells[0].height)}
    check_places(canvas, cells)


@pytest.mark.parametrize("canvas", [c for c in CANVASES if min(c.width, c.height) > 300], ids=str)
def test_cells_are_those_of_css_but_for_rounding(canvas: Canvas) -> None:
    """Padding and gap of 8 pixels, columns and rows of 1fr."""
    for count in range(1, 26):
        columns, rows = grid_size(canvas, count)
        width = (canvas.width - GAP * (columns + 1)) / columns
        height = (canvas.height - GAP * (rows + 1)) / rows
        for index, cell in enumerate(grid(canvas, count)):
            left = GAP + index % columns * (width + GAP)
            top = GAP + index // columns * (height + GAP)
            assert (cell.width, cell.height) == pytest.approx((width, height), abs=2)
            assert (cell.x, cell.y) == pytest.approx((left, top), abs=2 * max(columns, rows))


def check_places(canvas: Canvas, places: list[Rect]) -> None:
    for rect in places:
        assert rect.width >= 2
        assert rect.height >= 2
        assert 0 <= rect.x <= rect.right <= canvas.width
        assert 0 <= rect.y <= rect.bottom <= canvas.height
        assert not any(side % 2 for side in (rect.x, rect.y, rect.width, rect.height))
    for index, rect in enumerate(places):
        assert not any(rect.overlaps(other) for other in places[:index])


def test_the_stage_at_1080_lines() -> None:
    """Columns 1fr : 5fr with 8 pixels between; six carousel tiles fit, of 173.3 pixels."""
    main, others = stage(Canvas(1920, 1080), 30)
    assert main == Rect(326, 0, 1594, 1080)
    assert [other.y for other in others] == [0, 180, 360, 540, 720, 900]
    assert {(other.x, other.width, other.height) for other in others} == {(0, 318, 172)}


def test_the_stage_alone_fills_the_canvas() -> None:
    assert stage(Canvas(1280, 720), 0) == (Rect(0, 0, 1280, 720), [])


@pytest.mark.parametrize(("width", "below"), [(600, True), (602, False)])
def test_the_carousel_lies_below_on_narrow_canvases(width: int, below: bool) -> None:
    main, others = stage(Canvas(width, 1000), 2)
    assert (others[0].y > main.bottom) == below
    assert (others[0].right < main.x) == (not below)


@given(canvases, st.integers(0, 60))
def test_stages_lie_inside_and_apart(canvas: Canvas, others: int) -> None:
    main, carousel = stage(canvas, others)
    check_places(canvas, [main, *carousel])
    assert len(carousel) <= others
    assert main.width * main.height > canvas.width * canvas.height / 2


@given(canvases)
def test_halves_lie_inside_and_apart(canvas: Canvas) -> None:
    places = halves(canvas)
    assert len(places) == 2
    check_places(canvas, places)
    beside = places[0].y == places[1].y
    assert beside == (canvas.width > canvas.height)


@given(canvases, st.floats(0.01, 100))
def test_the_corner_has_the_shape_of_its_video(canvas: Canvas, aspect: float) -> None:
    place = corner(canvas, aspect)
    check_places(canvas, [place])
    wanted = min(max(aspect, 9 / 16), 16 / 9)
    if min(place.width, place.height) > 100:
        assert place.width / place.height == pytest.approx(wanted, rel=0.03)
    assert place.height <= max(2, canvas.height / 4)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("canvas", CANVASES, ids=str)
def test_every_layout_at_every_number(name: str, canvas: Canvas) -> None:
    """`compose` checks each composition as a recording would; here only that all are shown."""
    for count in range(31):
        shown = compose(name, room(canvas, count)).tiles
        if name == "grid":
            assert len(shown) == min(count, grid_size(canvas, max(count, 1)).places)
        assert bool(shown) == bool(count)
        assert all(is_even(tile) for tile in shown)


def is_even(tile: Tile) -> bool:
    rect = tile.rect
    return not any(side % 2 for side in (rect.x, rect.y, rect.width, rect.height))


def test_places() -> None:
    assert GridSize(3, 2).places == 6
