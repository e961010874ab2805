"""Any size fits the canvas, in proportion, with black around."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pipes.canvas import (
    LIMITS,
    Canvas,
    CanvasSize,
    Losses,
    SizeLimits,
    placed,
    same_shape,
)


def video_frame(width: int, height: int, luma: int = 200) -> av.VideoFrame:
    array = np.full((height * 3 // 2, width), 128, np.uint8)
    array[:height] = luma
    return av.VideoFrame.from_ndarray(array, format="yuv420p")


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_a_canvas_is_even_and_bounded(width: int, height: int) -> None:
    size = CanvasSize.fitting(width, height)
    assert size.width % 2 == size.height % 2 == 0
    assert LIMITS.takes(size.width, size.height)
    assert min(size.width, size.height) >= 16
    if LIMITS.takes(width + 1, height + 1) and min(width, height) >= 16:
        assert (size.width - width, size.height - height) == (width % 2, height % 2)


@pytest.mark.parametrize(
    ("frame", "limits", "canvas"),
    [
        ((5120, 1440), LIMITS, (5120, 1440)),
        ((7680, 4320), LIMITS, (7680, 4320)),
        ((10_000, 5000), LIMITS, (8444, 4222)),
        ((20_000, 100), LIMITS, (16_384, 80)),
        ((5120, 1440), SizeLimits(4096, 4096, 4096 * 4096), (4096, 1152)),
        ((1920, 1080), SizeLimits(1280, 1280, 10**9), (1280, 720)),
        ((320, 48), SizeLimits(4096, 4096, 10**9, 64, 64), (320, 64)),
    ],
)
def test_what_is_too_large_keeps_its_shape(
    frame: tuple[int, int], limits: SizeLimits, canvas: tuple[int, int]
) -> None:
    size = CanvasSize.fitting(*frame, limits)
    assert (size.width, size.height) == canvas
    assert str(size) == "{}x{}".format(*canvas)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((1280, 720), (320, 180), True),
        ((1366, 768), (341, 192), True),  # layers are rounded to whole pixels
        ((404, 720), (101, 180), True),
        ((1280, 720), (720, 1280), False),
        ((1280, 720), (1280, 706), False),
        ((1280, 720), (8, 8), False),
        ((128, 96), (8, 8), False),
    ],
)
def test_layers_of_one_source_have_one_shape(
    one: tuple[int, int], other: tuple[int, int], same: bool
) -> None:
    assert same_shape(one, other) is same_shape(other, one) is same


def test_what_is_lost_is_counted() -> None:
    losses, canvas = Losses(), CanvasSize(640, 360)
    for size in ((640, 360), (320, 180), (642, 361), (1280, 720), (1920, 1080), (640, 480)):
        losses.add(*size, canvas)
    assert losses == Losses(squeezed=3, barred=1, largest=(1920, 1080))
    assert losses.plus(Losses(1, 1, (100, 100))) == Losses(4, 2, (1920, 1080))


@given(*[st.integers(2, 4000)] * 2, *[st.integers(8, 1000)] * 2)
def test_a_frame_is_placed_within_and_in_the_middle(w: int, h: int, cw: int, ch: int) -> None:
    canvas = CanvasSize(2 * cw, 2 * ch)
    x, y, width, height = placed(w, h, canvas)
    assert 0 <= x <= x + width <= canvas.width
    assert 0 <= y <= y + height <= canvas.height
    assert all(side % 2 == 0 for side in (x, y, width, height))
    assert width == canvas.width or height == canvas.height
    assert abs(canvas.width - width - 2 * x) <= 2
    assert abs(canvas.height - height - 2 * y) <= 2


def test_the_right_size_is_not_touched() -> None:
    frame = video_frame(64, 48)
    assert Canvas(CanvasSize(64, 48)).fit(frame) is frame


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (63, 47)])
def test_an_odd_side_gets_its_last_line_twice(size: tuple[int, int]) -> None:
    frame = av.VideoFrame(*size, "yuv420p")
    for shade, plane in enumerate(frame.planes):
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        lines[:] = np.arange(plane.line_size) % 60 + 3 * np.arange(len(lines))[:, None] + shade
    luma = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(
        -1, frame.planes[0].line_size
    )
    before = luma[: size[1], : size[0]].copy()
    made = Canvas(CanvasSize(64, 48)).fit(frame).to_ndarray()
    assert (made[: size[1], : size[0]] == before).all(), "it isn't scaled"
    assert (made[47, : size[0]] == before[-1]).all()
    assert (made[: size[1], 63] == before[:, -1]).all()
    assert made[47, 63] > 16 or made[47, 63] == made[46, 62], "no black corner"


def test_no_frame_is_black() -> None:
    array = Canvas(CanvasSize(64, 48)).fit(None).to_ndarray()
    assert (array[:48] == 16).all()
    assert (array[48:] == 128).all()


@pytest.mark.parametrize("size", [(30, 60), (120, 20), (31, 57), (8, 8)])
def test_another_shape_gets_black_bars(size: tuple[int, int]) -> None:
    canvas = CanvasSize(128, 96)
    luma = Canvas(canvas).fit(video_frame(size[0] // 2 * 2, size[1] // 2 * 2)).to_ndarray()[:96]
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
