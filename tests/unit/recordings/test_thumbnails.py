"""Thumbnails of frames and of files."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest

from orchestrator.errors import NoFrame
from orchestrator.recordings.images.thumbnails import jpeg, thumbnail
from tests.kit.mediafiles.synthetic import (
    AudioTrack,
    Film,
    Plane,
    VideoTrack,
    black,
    frame_of,
    times,
    tone,
)


def read(frame: bytes) -> av.VideoFrame:
    """The frame as a browser sees it."""
    with av.open(io.BytesIO(frame), "r", "jpeg_pipe") as container:
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

    path = Film(tmp_path / "a.mp4", "mp4", VideoTrack(times(3), draw=draw)).write()
    assert read(thumbnail(path)).to_ndarray(format="gray").mean() > 240


def test_no_frame(tmp_path: Path) -> None:
    silent = Film(tmp_path / "audio.mp4", "mp4", audio=AudioTrack([(0, tone(1))], "aac")).write()
    with pytest.raises(NoFrame, match="holds audio only"):
        thumbnail(silent)
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(NoFrame, match="is not a media file"):
        thumbnail(tmp_path / "text.mp4")
    with pytest.raises(NoFrame, match="can't be read"):
        thumbnail(tmp_path / "gone.mp4")
