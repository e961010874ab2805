"""The sprite of a player's time line: small images in one, and WebVTT that says which is when.

A cue's text is the sprite's name and a media fragment, `talk.sprite.jpg#xywh=160,0,160,90`
(W3C Media Fragments URI 1.0 §4.2.2), as players' thumbnail plugins read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from orchestrator.recordings.images.stills import encoded, scaled

LONGEST_SIDE: Final = 160
"""Of a small image, in pixels."""
FIRST_INTERVAL_S: Final = 2.0
"""Seconds from one to the next, doubled whenever there are more than `MOST_TILES`."""
MOST_TILES: Final = 240
COLUMNS: Final = 15
_QUANTIZER: Final = 5
_CUE: Final = re.compile(r"(\d+):(\d\d):(\d\d\.\d{3}) --> \S+\n\S.*#xywh=(\d+),(\d+),(\d+),(\d+)\n")
_CHROMA_ZERO: Final = 128

_Planes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Tile:
    """A small image: its time in the recording, and its planes as yuv420p in full range."""

    at_s: float
    planes: _Planes


class Sprite:
    """All small images of a recording, evenly spread over its length."""

    def __init__(self) -> None:
        self.tiles: list[Tile] = []
        self.interval_s = FIRST_INTERVAL_S
        self.width, self.height = 0, 0
        """Of a small image; 0 before the first."""

    def is_due(self, at_s: float) -> bool:
        """Whether one of this time is wanted."""
        return not self.tiles or self._slot(at_s) > self._slot(self.tiles[-1].at_s)

    def add(self, at_s: float, frame: av.VideoFrame) -> None:
        """The first frame's shape is that of all; others get bars."""
        if not self.width:
            self.width, self.height = _tile_size(frame)
        self.tiles.append(Tile(at_s, self._fitted(frame)))
        self._thin()

    def sheet(self) -> bytes:
        """The JPEG with all of them, row by row."""
        columns = min(COLUMNS, len(self.tiles))
        rows = -(-len(self.tiles) // columns)
        width, height = columns * self.width, rows * self.height
        sheet = _blank(width, height)
        for number, tile in enumerate(self.tiles):
            row, column = divmod(number, columns)
            _paste(
                sheet,
                (width, height),
                tile.planes,
                (self.width, self.height),
                at=(column * self.width, row * self.height),
            )
        frame = av.VideoFrame.from_ndarray(sheet, format="yuv420p")
        return encoded(frame, quantizer=_QUANTIZER)

    def vtt(self, name: str, end_s: float) -> str:
        """Cues from 0 to `end_s`; `name` is the sheet's."""
        columns = min(COLUMNS, len(self.tiles))
        begins = [0.0, *(tile.at_s for tile in self.tiles[1:])]
        ends = [*begins[1:], max(end_s, begins[-1] + 0.001)]
        lines = ["WEBVTT\n"]
        for number, (begin_s, to_s) in enumerate(zip(begins, ends, strict=True)):
            row, column = divmod(number, columns)
            place = f"{column * self.width},{row * self.height},{self.width},{self.height}"
            lines.append(f"{_time(begin_s)} --> {_time(to_s)}\n{name}#xywh={place}\n")
        return "\n".join(lines)

    @classmethod
    def read(cls, sheet: bytes, vtt: str) -> Sprite:
        """One that an earlier worker wrote, as far as both can be read; else an empty one."""
        sprite = cls()
        cues = _CUE.findall(vtt)[:MOST_TILES]
        if not cues or (frame := _decoded(sheet)) is None:
            return sprite
        planes = _planes(frame)
        size = frame.width, frame.height
        sprite.width, sprite.height = int(cues[0][5]), int(cues[0][6])
        for hours, minutes, seconds, *place in cues:
            x, y, width, height = map(int, place)
            if (width, height) != (sprite.width, sprite.height) or width % 2 or height % 2:
                return cls()
            if x + width > size[0] or y + height > size[1]:
                return cls()
            tile = _blank(width, height)
            _paste(tile, (width, height), planes, size, at=(-x, -y))
            at_s = round(int(hours) * 3600 + int(minutes) * 60 + float(seconds), 3)
            sprite.tiles.append(Tile(at_s, tile))
        while sprite.tiles[-1].at_s / sprite.interval_s > MOST_TILES:
            sprite.interval_s *= 2
        return sprite

    def _slot(self, at_s: float) -> int:
        return int(at_s / self.interval_s)

    def _thin(self) -> None:
        while len(self.tiles) > MOST_TILES:
            self.interval_s *= 2
            first: dict[int, Tile] = {}
            for tile in self.tiles:
                first.setdefault(self._slot(tile.at_s), tile)
            self.tiles = list(first.values())

    def _fitted(self, frame: av.VideoFrame) -> _Planes:
        scale = min(self.width / frame.width, self.height / frame.height)
        width = min(max(round(frame.width * scale / 2) * 2, 2), self.width)
        height = min(max(round(frame.height * scale / 2) * 2, 2), self.height)
        tile = _blank(self.width, self.height)
        small = _planes(scaled(frame, width, height))
        left = (self.width - width) // 4 * 2
        top = (self.height - height) // 4 * 2
        _paste(tile, (self.width, self.height), small, (width, height), at=(left, top))
        return tile


def _planes(frame: av.VideoFrame) -> _Planes:
    return np.asarray(frame.to_ndarray(), np.uint8)


def _tile_size(frame: av.VideoFrame) -> tuple[int, int]:
    scale = LONGEST_SIDE / max(frame.width, frame.height)
    even = (max(round(side * scale / 2) * 2, 2) for side in (frame.width, frame.height))
    width, height = even
    return width, height


def _blank(width: int, height: int) -> _Planes:
    """Black, as PyAV has the planes of yuv420p in one array."""
    planes = np.full((height * 3 // 2, width), _CHROMA_ZERO, np.uint8)
    planes[:height] = 0
    return planes


def _parts(planes: _Planes, size: tuple[int, int]) -> list[_Planes]:
    """Views of Y, U and V."""
    width, height = size
    flat, luma, chroma = planes.reshape(-1), width * height, width * height // 4
    half = (height // 2, width // 2)
    return [
        flat[:luma].reshape(height, width),
        flat[luma : luma + chroma].reshape(half),
        flat[luma + chroma : luma + 2 * chroma].reshape(half),
    ]


def _paste(
    onto: _Planes,
    onto_size: tuple[int, int],
    planes: _Planes,
    size: tuple[int, int],
    *,
    at: tuple[int, int],
) -> None:
    """Even positions; negative ones cut a piece out of `planes`."""
    x, y = at
    pairs = zip(_parts(onto, onto_size), _parts(planes, size), (1, 2, 2), strict=True)
    for target, source, step in pairs:
        left, top = max(x, 0) // step, max(y, 0) // step
        from_x, from_y = max(-x, 0) // step, max(-y, 0) // step
        height = min(target.shape[0] - top, source.shape[0] - from_y)
        width = min(target.shape[1] - left, source.shape[1] - from_x)
        target[top : top + height, left : left + width] = source[
            from_y : from_y + height, from_x : from_x + width
        ]


def _decoded(jpeg: bytes) -> av.VideoFrame | None:
    decoder = av.VideoCodecContext.create("mjpeg", "r")
    try:
        frames = [*decoder.decode(av.Packet(jpeg)), *decoder.decode(None)]
    except av.FFmpegError:
        return None
    return frames[0] if frames and frames[0].format.name == "yuvj420p" else None


def _time(seconds: float) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
