"""Any size fits the canvas, in proportion, with black around."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pipes.canvas import MAX_SIDE, Canvas, CanvasSize, placed


def picture(width: int, height: int, luma: int = 200) -> av.VideoFrame:
    array = np.full((height * 3 // 2, width), 128, np.uint8)
    array[:height] = luma
    return av.VideoFrame.from_ndarray(array, format="yuv420p")


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_a_canvas_is_even_and_bounded(width: int, height: int) -> None:
    size = CanvasSize.fitting(width, height)
    assert size.width % 2 == size.height % 2 == 0
    assert size.width <= MAX_SIDE
    assert size.height <= MAX_SIDE


@given(*[st.integers(2, 4000)] * 2, *[st.integers(8, 1000)] * 2)
def test_a_picture_is_placed_within_and_in_the_middle(w: int, h: int, cw: int, ch: int) -> None:
    canvas = CanvasSize(2 * cw, 2 * ch)
    x, y, width, height = placed(w, h, canvas)
    assert 0 <= x <= x + width <= canvas.width
    assert 0 <= y <= y + height <= canvas.height
    assert all(side % 2 == 0 for side in (x, y, width, height))
    assert width == canvas.width or height == canvas.height
    assert abs(canvas.width - width - 2 * x) <= 2
    assert abs(canvas.height - height - 2 * y) <= 2


def test_the_right_size_is_not_touched() -> None:
    frame = picture(64, 48)
    assert Canvas(CanvasSize(64, 48)).fit(frame) is frame


def test_no_frame_is_black() -> None:
    array = Canvas(CanvasSize(64, 48)).fit(None).to_ndarray()
    assert (array[:48] == 16).all()
    assert (array[48:] == 128).all()


@pytest.mark.parametrize("size", [(30, 60), (120, 20), (31, 57), (8, 8)])
def test_another_shape_gets_black_bars(size: tuple[int, int]) -> None:
    canvas = CanvasSize(128, 96)
    luma = Canvas(canvas).fit(picture(size[0] // 2 * 2, size[1] // 2 * 2)).to_ndarray()[:96]
    x, y, width, height = placed(size[0] // 2 * 2, size[1] // 2 * 2, canvas)
    inside = luma[y : y + height, x : x + width]
    assert abs(inside.astype(int) - 200).max() <= 2
    outside = luma.astype(int).sum() - inside.astype(int).sum()
    assert outside == 16 * (128 * 96 - width * height)


def test_other_pixel_formats_are_converted() -> None:
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 255, np.uint8), format="rgb24")
    made = Canvas(CanvasSize(64, 48)).fit(frame)
    assert made.format.name == "yuv420p"
    assert made.to_ndarray()[:48].min() >= 230
