"""The sprite: its geometry, how it is thinned, and its WebVTT."""

from __future__ import annotations

import io
import re

import av
import numpy as np
import pytest

from orchestrator.worker.outputs.images.sprite import MOST_TILES, Sprite


def gray(level: int, width: int = 320, height: int = 180) -> av.VideoFrame:
    """A frame of one brightness, in limited range."""
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = level
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def made(*times_s: float, width: int = 320, height: int = 180) -> Sprite:
    sprite = Sprite()
    for number, at_s in enumerate(times_s):
        if sprite.is_due(at_s):
            sprite.add(at_s, gray(40 + number * 3 % 180, width, height))
    return sprite


def luma(jpeg: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with av.open(io.BytesIO(jpeg), "r", format="jpeg_pipe") as file:
        frame = next(file.decode(video=0))
    return np.asarray(frame.to_ndarray()[: frame.height], np.uint8)


def cues(vtt: str) -> list[tuple[str, str, str]]:
    return re.findall(r"^(\S+) --> (\S+)\n(\S+)$", vtt, re.M)


def test_each_is_where_its_cue_says() -> None:
    sprite = made(*(2.0 * n for n in range(20)))
    sheet = luma(sprite.sheet())
    assert sheet.shape == (2 * 90, 15 * 160)
    for number, (_, _, text) in enumerate(cues(sprite.vtt("a.sprite.jpg", 41.0))):
        name, x, y, width, height = re.split(r"#xywh=|,", text)
        assert (name, width, height) == ("a.sprite.jpg", "160", "90")
        tile = sheet[int(y) : int(y) + 90, int(x) : int(x) + 160]
        full_range = (40 + number * 3 - 16) * 255 / 219
        assert tile.mean() == pytest.approx(full_range, abs=2)


def test_cues_reach_from_the_beginning_to_the_end() -> None:
    found = cues(made(0.4, 2.1, 4.2).vtt("a.sprite.jpg", 3661.5))
    assert [times[:2] for times in found] == [
        ("00:00:00.000", "00:00:02.100"),
        ("00:00:02.100", "00:00:04.200"),
        ("00:00:04.200", "01:01:01.500"),
    ]


def test_a_long_recording_has_bounded_ones_evenly_spread() -> None:
    sprite = made(*(float(second) for second in range(4 * 3600)))
    assert MOST_TILES / 2 < len(sprite.tiles) <= MOST_TILES
    distances = np.diff([tile.at_s for tile in sprite.tiles])
    assert (distances.min(), distances.max()) == (sprite.interval_s, sprite.interval_s) == (64, 64)
    assert sprite.tiles[0].at_s == 0


@pytest.mark.parametrize(
    ("size", "tile"),
    [
        ((320, 180), (160, 90)),
        ((180, 320), (90, 160)),
        ((405, 721), (90, 160)),
        ((64, 64), (160, 160)),
    ],
)
def test_in_proportion(size: tuple[int, int], tile: tuple[int, int]) -> None:
    sprite = made(0.0, width=size[0] // 2 * 2, height=size[1] // 2 * 2)
    assert (sprite.width, sprite.height) == tile
    assert luma(sprite.sheet()).shape == tile[::-1]


def test_another_shape_gets_bars() -> None:
    sprite = made(0.0)
    sprite.add(2.0, gray(235, 180, 320))
    tile = luma(sprite.sheet())[:, 160:]
    assert tile[:, 80].min() > 240
    assert max(tile[:, 4].max(), tile[:, -5].max()) < 15


def test_another_worker_goes_on_with_it() -> None:
    before = made(*(round(2.0 * n + 0.04, 3) for n in range(40)))
    sprite = Sprite.read(before.sheet(), before.vtt("a.sprite.jpg", 80.0))
    assert (sprite.width, sprite.height, sprite.interval_s) == (160, 90, 2.0)
    assert [tile.at_s for tile in sprite.tiles[1:]] == [tile.at_s for tile in before.tiles[1:]]
    for one, other in zip(before.tiles, sprite.tiles, strict=True):
        assert np.abs(one.planes.astype(int) - other.planes).mean() < 2
    assert not sprite.is_due(79.0)
    assert sprite.is_due(80.01)


def test_of_a_long_one_it_keeps_the_interval() -> None:
    before = made(*(float(second) for second in range(3600)))
    sprite = Sprite.read(before.sheet(), before.vtt("a.sprite.jpg", 3600.0))
    assert sprite.interval_s == before.interval_s == 16


@pytest.mark.parametrize(
    "vtt",
    [
        *("", "WEBVTT\n", "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\na#xywh=0,0,9999,9999\n"),
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\na#xywh=0,0,3,3\n",
    ],
)
def test_what_cant_be_read_begins_anew(vtt: str) -> None:
    assert Sprite.read(made(0.0).sheet(), vtt).tiles == []
    assert Sprite.read(b"no jpeg", made(0.0).vtt("a", 1)).tiles == []
