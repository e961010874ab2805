"""Grids of equal tiles: LiveKit's sizes, and larger ones where those leave people out.

Candidates and their least widths: components-js packages/core/src/helper/grid-layouts.ts.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from orchestrator.layouts.canvas import Canvas, Rect

GAP: Final = 8
"""Pixels between tiles and around them (--lk-grid-gap)."""
LEAST_TILE: Final = (220, 124)
"""Of grids beyond LiveKit's: its smallest tile, 1100 pixels in five columns, at 16:9."""


class GridSize(NamedTuple):
    """Columns and rows."""

    columns: int
    rows: int

    @property
    def places(self) -> int:
        """How many tiles it holds."""
        return self.columns * self.rows


class _Candidate(NamedTuple):
    size: GridSize
    least_width: int = 0
    landscape: bool | None = None


_CANDIDATES: Final = (
    _Candidate(GridSize(1, 1)),
    _Candidate(GridSize(1, 2), landscape=False),
    _Candidate(GridSize(2, 1), landscape=True),
    _Candidate(GridSize(2, 2), 560),
    _Candidate(GridSize(3, 3), 700),
    _Candidate(GridSize(4, 4), 960),
    _Candidate(GridSize(5, 5), 1100),
)


def grid_size(canvas: Canvas, count: int) -> GridSize:
    """LiveKit's grid for so many tiles; if it has fewer places, the largest that is legible."""
    found = livekit_grid(canvas, count)
    if found.places >= count:
        return found
    larger = _legible(canvas, count)
    return larger if larger.places > found.places else found


def livekit_grid(canvas: Canvas, count: int) -> GridSize:
    """What egress' templates take: 25 tiles at most, fewer on a narrow canvas."""
    able = [
        each.size
        for each in _CANDIDATES
        if each.least_width <= canvas.width and each.landscape in (None, canvas.landscape)
    ]
    return next((size for size in able if size.places >= count), able[-1])


def grid(canvas: Canvas, count: int) -> list[Rect]:
    """The places of the grid for so many tiles, row by row; there may be more or fewer."""
    return cells(canvas.whole, grid_size(canvas, count))


def cells(area: Rect, size: GridSize) -> list[Rect]:
    """Equal cells with gaps between and around them; sides and places are even numbers.

    What is left over by rounding is shared by the margins. Without room for gaps there are none.
    """
    roomy = min(area.width / size.columns, area.height / size.rows) >= 4 * GAP
    gap = GAP if roomy else 0
    width = even((area.width - gap * (size.columns + 1)) / size.columns)
    height = even((area.height - gap * (size.rows + 1)) / size.rows)
    left = area.x + even((area.width - size.columns * (width + gap) + gap) / 2)
    top = area.y + even((area.height - size.rows * (height + gap) + gap) / 2)
    return [
        Rect(left + column * (width + gap), top + row * (height + gap), width, height)
        for row in range(size.rows)
        for column in range(size.columns)
    ]


def even(length: float) -> int:
    """The next even number below: chroma has half the resolution."""
    return int(length) // 2 * 2


def _legible(canvas: Canvas, count: int) -> GridSize:
    """The fewest places for `count`, or else the most, in tiles of at least LEAST_TILE."""
    columns = max(1, (canvas.width - GAP) // (LEAST_TILE[0] + GAP))
    rows = max(1, (canvas.height - GAP) // (LEAST_TILE[1] + GAP))
    sizes = [GridSize(c, r) for c in range(1, columns + 1) for r in range(1, rows + 1)]
    enough = [size for size in sizes if size.places >= count]
    if not enough:
        return GridSize(columns, rows)
    return max(enough, key=lambda size: (_video_area(canvas, size), -size.places))


def _video_area(canvas: Canvas, size: GridSize) -> int:
    """Pixels of 16:9 video that a cell shows whole."""
    cell = cells(canvas.whole, size)[0]
    return min(cell.width * cell.width * 9 // 16, cell.height * cell.height * 16 // 9)
