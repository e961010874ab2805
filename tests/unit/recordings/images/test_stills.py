"""Stills have the size that was asked for and the colors that ffmpeg's own extraction has."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from orchestrator.recordings.images.stills import Format, still
from tests.kit.fakes import REAL

COLORS = {
    "bt601": ("smpte170m", "tv"),
    "bt709": ("bt709", "tv"),
    "full": ("smpte170m", "pc"),
}


def film(path: Path, matrix: str, levels: str, size: str) -> Path:
    """One frame of colored bars whose stream says its colors."""
    scale = f"scale=out_color_matrix={matrix}:out_range={levels},format=yuv420p"
    said = ["-colorspace", matrix, "-color_range", levels]
    command = [str(REAL), "-v", "error", "-f", "lavfi", "-i", f"smptehdbars=size={size}"]
    command += ["-frames:v", "1", "-vf", scale, "-c:v", "libx264", "-qp", "4", *said, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def frame_of(path: Path) -> av.VideoFrame:
    with av.open(str(path)) as file:
        return next(file.decode(video=0))


def rgb(data: bytes) -> np.ndarray[Any, np.dtype[np.int16]]:
    """As ffmpeg shows an image."""
    command = [str(REAL), "-v", "error", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, input=data, check=True, capture_output=True, timeout=60).stdout
    return np.frombuffer(raw, np.uint8).astype(np.int16)


def extracted(path: Path, width: int) -> bytes:
    """ffmpeg's own, without loss."""
    command = [str(REAL), "-v", "error", "-i", str(path), "-frames:v", "1"]
    command += ["-vf", f"scale={width}:-1:flags=area+accurate_rnd", "-f", "image2pipe"]
    return subprocess.run(
        [*command, "-c:v", "png", "-"], check=True, capture_output=True, timeout=60
    ).stdout


def psnr(one: bytes, other: bytes) -> float:
    difference = rgb(one) - rgb(other)
    return float(10 * np.log10(255**2 / np.square(difference, dtype=np.int32).mean()))


@pytest.mark.parametrize("format", ["jpeg", "webp"])
@pytest.mark.parametrize("colors", COLORS)
def test_colors_are_right(tmp_path: Path, colors: str, format: Format) -> None:
    path = film(tmp_path / "a.mp4", *COLORS[colors], "640x360")
    made = still(frame_of(path), 320, format)
    assert psnr(made, extracted(path, 320)) > 30


def test_the_measure_sees_wrong_colors(tmp_path: Path) -> None:
    """BT.709 taken for BT.601 is what the test above is for."""
    path = film(tmp_path / "a.mp4", *COLORS["bt709"], "640x360")
    frame = frame_of(path)
    frame.colorspace = 6
    assert psnr(still(frame, 320, "jpeg"), extracted(path, 320)) < 28


@pytest.mark.parametrize("format", ["jpeg", "webp"])
@pytest.mark.parametrize(
    ("size", "width", "wanted"),
    [
        ((1280, 720), None, (1280, 720)),
        ((1280, 720), 333, (333, 187)),
        ((404, 720), 160, (160, 285)),
        ((405, 721), None, (405, 721)),
        ((320, 180), 1920, (320, 180)),
        ((4000, 2), 16, (16, 1)),
    ],
)
def test_sizes(
    size: tuple[int, int], width: int | None, wanted: tuple[int, int], format: Format
) -> None:
    made = still(av.VideoFrame(*size, "yuv420p"), width, format)
    kind = "jpeg_pipe" if format == "jpeg" else "webp_pipe"
    with av.open(io.BytesIO(made), format=kind) as file:
        video = file.streams.video[0]
        assert (video.width, video.height) == wanted
