"""Still and black frames, against the plain computation."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mediafiles.inspect.still_frames import (
    COLUMNS,
    ROWS,
    StillFrames,
    block_means,
    blocks_of,
    has_full_range,
    is_black,
    look_same,
)
from tests.kit.mediafiles.synthetic import Plane, frame_of, moving

MS = 1_000_000
sizes = st.tuples(st.integers(1, 400), st.integers(1, 700))


@given(sizes, st.integers(0, 2**32 - 1))
def test_block_means(size: tuple[int, int], seed: int) -> None:
    luma = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    means = block_means(luma)
    rows, columns = max(1, min(ROWS, size[0] // 16)), max(1, min(COLUMNS, size[1] // 16))
    high, wide = size[0] // rows, size[1] // columns
    assert means.shape == (rows, columns)
    for row, column in ((0, 0), (rows - 1, columns - 1)):
        block = luma[row * high : (row + 1) * high, column * wide : (column + 1) * wide]
        exact = block[:: max(1, high // 10), :: max(1, wide // 10)].mean()
        assert means[row, column] == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("format", ["yuv420p", "nv12", "yuv444p", "rgb24", "yuv420p10le", "gray"])
def test_every_format_is_as_bright(format: str) -> None:
    frame = frame_of(np.full((90, 160), 126, np.uint8))
    means = blocks_of(frame.reformat(format=format))
    assert means == pytest.approx(126, abs=1.5)


def test_noise_is_the_same_frame_and_a_small_thing_moving_is_not() -> None:
    random = np.random.default_rng(1)
    still = moving(0, 640, 360)
    noisy = np.clip(still + random.normal(0, 6, still.shape), 0, 255).astype(np.uint8)
    pointer = still.copy()
    pointer[100:116, 300:310] = 255
    assert look_same(block_means(still), block_means(noisy))
    assert not look_same(block_means(still), block_means(pointer))
    assert not look_same(block_means(still), block_means(moving(1, 640, 360)))
    assert not look_same(block_means(still), block_means(still[:10, :10]))


def test_black_depends_on_the_range() -> None:
    def flat(level: int) -> Plane:
        return np.full((90, 160), level, np.uint8)

    assert is_black(block_means(flat(16)))
    assert not is_black(block_means(flat(40)))
    assert not is_black(block_means(flat(20)), full_range=True)
    lit = flat(16)
    lit[40:45, 80:85] = 235
    assert not is_black(block_means(lit))


def test_the_range_is_the_frames_own() -> None:
    frame = frame_of(moving(0))
    assert not has_full_range(frame)
    assert has_full_range(frame.reformat(format="yuvj420p"))
    frame.color_range = 2
    assert has_full_range(frame)


def watched(levels: list[int], *, step_ms: int = 100) -> StillFrames:
    """Flat frames of these brightnesses, one each 100 ms; 16 is black."""
    stillness = StillFrames()
    for number, level in enumerate(levels):
        blocks = np.full((18, 32), level, np.float32)
        stillness.update(number * step_ms * MS, blocks, black=level == 16)
    stillness.close(len(levels) * step_ms * MS)
    return stillness


def test_a_still_passage_lasts_until_the_next_frame() -> None:
    found = watched([30, 60, 90, 90, 90, 90, 90, 90, 120, 150]).still
    assert (found.count, found.longest.all()) == (1, [(200 * MS, 600 * MS)])


def test_what_moves_slowly_is_not_still() -> None:
    assert watched(list(range(60, 120, 2))).still.count == 0


def test_one_long_frame_is_a_gap_and_not_still() -> None:
    assert watched([30, 60, 90], step_ms=2000).still.count == 0


def test_black_is_no_still_frame() -> None:
    found = watched([90, 16, 16, 16, 16, 16, 16, 16])
    assert found.still.count == 0
    assert found.black.longest.all() == [(100 * MS, 700 * MS)]


@given(st.lists(st.tuples(st.sampled_from([16, 60, 100]), st.integers(1, 9)), max_size=12))
def test_passages_are_runs_of_half_a_second(told: list[tuple[int, int]]) -> None:
    levels = [level for level, frames in told for _ in range(frames)]
    found = watched(levels)
    runs: list[list[int]] = []
    for level in levels:
        if runs and runs[-1][0] == level:
            runs[-1].append(level)
        else:
            runs.append([level])
    still = [len(run) for run in runs if run[0] != 16 and len(run) >= 5]
    dark = [len(run) for run in runs if run[0] == 16 and len(run) >= 5]
    assert (found.still.count, found.still.total_ns) == (len(still), sum(still) * 100 * MS)
    assert (found.black.count, found.black.total_ns) == (len(dark), sum(dark) * 100 * MS)


def test_frames_without_a_luma_plane_of_bytes_are_converted() -> None:
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 255, np.uint8), format="rgb24")
    assert blocks_of(frame) == pytest.approx(235, abs=2)
