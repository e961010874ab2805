"""Small pictures of frames and of files."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest

from orchestrator.errors import NoPicture
from orchestrator.recordings.pictures import jpeg, thumbnail
from tests.catalog.inspect.films import Film, Pictures, Plane, Sounds, black, frame_of, times, tone


def read(picture: bytes) -> av.VideoFrame:
    """The picture as a browser sees it."""
    with av.open(io.BytesIO(picture), "r", "jpeg_pipe") as container:
        return next(container.decode(video=0))


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((1280, 720), (480, 270)),
        ((720, 1280), (480, 854)),
        ((64, 48), (64, 48)),
        ((33, 3), (32, 4)),
    ],
)
def test_in_proportion_and_never_larger(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    frame = av.VideoFrame(*size, "yuv420p")
    small = read(jpeg(frame))
    assert (small.width, small.height) == wanted
    assert (frame.width, frame.height) == size


def test_black_is_black_and_white_is_white() -> None:
    """Recordings are in limited range, JPEG in full (ITU-R BT.709, JFIF 1.02)."""
    luma = black(64, 64)
    luma[:] = 16
    luma[:, 32:] = 235
    grey = read(jpeg(frame_of(luma))).to_ndarray(format="gray")
    assert grey[:, :24].max() < 8
    assert grey[:, 40:].min() > 247


def test_thumbnail_is_from_the_first_third(tmp_path: Path) -> None:
    """Three seconds: black, white, black, with a key frame each second."""

    def draw(number: int) -> Plane:
        return np.full((96, 160), 235 if 30 <= number < 60 else 16, np.uint8)

    path = Film(tmp_path / "a.mp4", "mp4", Pictures(times(3), draw=draw)).write()
    assert read(thumbnail(path)).to_ndarray(format="gray").mean() > 240


def test_no_picture(tmp_path: Path) -> None:
    silent = Film(tmp_path / "sound.mp4", "mp4", sounds=Sounds([(0, tone(1))], "aac")).write()
    with pytest.raises(NoPicture, match="holds sound only"):
        thumbnail(silent)
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(NoPicture, match="is no media file"):
        thumbnail(tmp_path / "text.mp4")
    with pytest.raises(NoPicture, match="can't be read"):
        thumbnail(tmp_path / "gone.mp4")
