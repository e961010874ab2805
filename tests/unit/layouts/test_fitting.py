"""Frames in tiles: 9:16, 4:1, odd sizes; cut or with bars, never distorted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.layouts import Fit, Rect, Track
from orchestrator.layouts.fitting import Placement, fit_of, placement
from orchestrator.media import TrackSource

TILE = Rect(100, 50, 320, 180)


@pytest.mark.parametrize(
    ("width", "height", "source", "fit"),
    [
        (1280, 720, TrackSource.CAMERA, Fit.COVER),
        (720, 1280, TrackSource.CAMERA, Fit.CONTAIN),
        (720, 720, TrackSource.CAMERA, Fit.CONTAIN),
        (0, 0, TrackSource.CAMERA, Fit.COVER),
        (1920, 1080, TrackSource.SCREEN_SHARE, Fit.CONTAIN),
    ],
)
def test_what_auto_means(width: int, height: int, source: TrackSource, fit: Fit) -> None:
    track = Track("t", "p", source, width, height)
    assert fit_of(track, Fit.AUTO) is fit
    assert fit_of(track, Fit.COVER) is Fit.COVER


@pytest.mark.parametrize(
    ("size", "fit", "placed"),
    [
        ((1280, 720), Fit.COVER, Placement(Rect(0, 0, 1280, 720), TILE)),
        ((1280, 720), Fit.CONTAIN, Placement(Rect(0, 0, 1280, 720), TILE)),
        ((720, 1280), Fit.COVER, Placement(Rect(0, 437, 720, 405), TILE)),
        ((720, 1280), Fit.CONTAIN, Placement(Rect(0, 0, 720, 1280), Rect(208, 50, 102, 180))),
        ((640, 160), Fit.COVER, Placement(Rect(178, 0, 284, 160), TILE)),
        ((640, 160), Fit.CONTAIN, Placement(Rect(0, 0, 640, 160), Rect(100, 100, 320, 80))),
        ((641, 361), Fit.COVER, Placement(Rect(0, 0, 641, 361), TILE)),
        ((1, 1), Fit.CONTAIN, Placement(Rect(0, 0, 1, 1), Rect(170, 50, 180, 180))),
    ],
)
def test_placements(size: tuple[int, int], fit: Fit, placed: Placement) -> None:
    assert placement(*size, TILE, fit) == placed


@given(
    st.integers(1, 8192),
    st.integers(1, 8192),
    st.integers(1, 4096),
    st.integers(1, 4096),
    st.sampled_from([Fit.COVER, Fit.CONTAIN]),
)
def test_parts_lie_in_the_frame_and_places_in_the_tile(
    width: int, height: int, tile_width: int, tile_height: int, fit: Fit
) -> None:
    tile = Rect(10, 20, tile_width, tile_height)
    placed = placement(width, height, tile, fit)
    part, place = placed.part, placed.place
    assert 0 <= part.x < part.right <= width
    assert 0 <= part.y < part.bottom <= height
    assert tile.x <= place.x < place.right <= tile.right
    assert tile.y <= place.y < place.bottom <= tile.bottom
    if min(part.width, part.height, place.width, place.height) >= 64:
        distorted = (part.width / part.height) / (place.width / place.height)
        assert distorted == pytest.approx(1, rel=0.05)
