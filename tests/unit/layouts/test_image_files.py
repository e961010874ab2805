"""Backgrounds, logos and frames from files: read whole, or refused with what is wrong."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.layouts.drawing.images import MOST_BYTES, png, read_image, scaled

RED = np.full((6, 10, 3), (200, 10, 20), np.uint8)


def test_png_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    path.write_bytes(png(RED))
    image = read_image(path)
    assert image.shape == (6, 10, 4)
    assert (image[..., :3] == RED).all()
    assert (image[..., 3] == 255).all()


def test_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "red.jpg"
    with av.open(str(path), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", 1)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuvj420p"
        frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), (200, 10, 20), np.uint8), "rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    assert read_image(path)[8, 8, :3] == pytest.approx([200, 10, 20], abs=6)


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="can't be read: No such file or directory"):
        read_image(tmp_path / "missing.png")
    path = tmp_path / "no.png"
    for data in (b"", b"no image", png(RED)[:40]):
        path.write_bytes(data)
        with pytest.raises(InvalidRequest, match=r"no\.png can't be decoded"):
            read_image(path)
    path.write_bytes(bytes(MOST_BYTES + 1))
    with pytest.raises(InvalidRequest, match="is larger than 32000000 bytes"):
        read_image(path)


def test_an_image_of_too_many_pixels(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png(np.zeros((6000, 6000, 3), np.uint8)))
    with pytest.raises(InvalidRequest, match="it has 6000x6000 pixels; 33177600 are the limit"):
        read_image(path)


@pytest.mark.parametrize(("width", "height"), [(5, 3), (21, 13), (10, 6), (1, 1), (3, 50)])
def test_scaling_keeps_colors(width: int, height: int) -> None:
    image = scaled(RED, width, height)
    assert image.shape == (height, width, 3)
    assert abs(image.astype(int) - (200, 10, 20)).max() <= 2
