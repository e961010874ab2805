"""Draws the film of `film`, in a process of its own where memory counts: it takes PyAV and numpy.

``python -m orchestrator.encoding.pipeline.film_frames PATH WIDTH HEIGHT FRAMES`` writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import av
import numpy as np

from orchestrator.encoding.pipeline.film import FPS, Film
from orchestrator.media import AUDIO_RATE, AUDIO_TIME_BASE, VIDEO_TIME_BASE

_MARGIN: Final = 256
"""Pixels by which a texture is larger than what is shown of it."""

_GRAIN: Final = 1.2
"""Standard deviation of the camera's noise, of 255."""

_Plane = np.ndarray[Any, np.dtype[np.float32]]


def write(film: Film, path: Path) -> None:
    """As the recorder's pipe has it: raw video and PCM in NUT. Blocking."""
    numbers = range(film.frames)
    write_nut(path, map(_frame, _frames(film, numbers)), width=film.width, height=film.height)


def frames_at(film: Film, times_s: Iterable[float]) -> Iterator[av.VideoFrame]:
    """The film at these moments, for other rates than its own."""
    return map(_frame, _frames(film, (time_s * FPS for time_s in times_s)))


def _frames(film: Film, numbers: Iterable[float]) -> Iterator[list[_Plane]]:
    chance = np.random.default_rng(1)
    scenes = [_Scene(film.width, film.height, chance) for _ in range(2)]
    for number in numbers:
        # The cut: everything is new, as where a film changes its place.
        yield scenes[int(2 * number) // film.frames].at(number, chance)


class _Scene:
    """A background that the camera moves over, and things that move before it."""

    def __init__(self, width: int, height: int, chance: np.random.Generator) -> None:
        self._size = (height, width)
        shape = (height + _MARGIN, width + _MARGIN)
        self._far, self._near = (_texture(shape, chance) for _ in range(2))
        small = ((height + _MARGIN) // 2, (width + _MARGIN) // 2)
        self._colors = [[_texture(small, chance, 14) for _ in range(2)] for _ in range(2)]
        self._things = chance.uniform((0.1, 0.1, 0.08, -9, -5), (0.9, 0.9, 0.22, 9, 5), (5, 5))
        self._grain = chance.normal(0, _GRAIN, shape).astype(np.float32)

    def at(self, number: float, chance: np.random.Generator) -> list[_Plane]:
        """Luma and both colors of one frame."""
        height, width = self._size
        mask = self._mask(number)
        far, near = (40 + 1.3 * number, 30 + 0.6 * number), (90 - 2.2 * number, 60 + 1.1 * number)
        luma = _blend(
            _moved(self._far, self._size, far), _moved(self._near, self._size, near), mask
        )
        y, x = chance.integers(0, _MARGIN, 2)
        luma += self._grain[y : y + height, x : x + width]
        half = (height // 2, width // 2)
        colors = (
            _blend(
                _moved(far_color, half, (far[0] / 2, far[1] / 2)),
                _moved(near_color, half, (near[0] / 2, near[1] / 2)),
                mask[::2, ::2],
            )
            for far_color, near_color in zip(*self._colors, strict=True)
        )
        return [luma, *colors]

    def _mask(self, number: float) -> _Plane:
        """1 where one of the things is, with soft edges."""
        height, width = self._size
        rows, columns = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
        mask = np.zeros(self._size, np.float32)
        for x, y, radius, across, down in self._things:
            right = np.float32((x * width + across * number) % width)
            low = np.float32((y * height + down * number) % height)
            size = np.float32(radius * height)
            away = ((columns - right) / size)[None, :] ** 2 + ((rows - low) / size)[:, None] ** 2
            np.maximum(mask, (1 - away) * 10, out=mask)
        return np.minimum(mask, 1, out=mask)


def _texture(shape: tuple[int, int], chance: np.random.Generator, contrast: float = 45) -> _Plane:
    """Noise whose amplitude falls with frequency as that of natural images does."""
    waves = np.fft.rfft2(chance.normal(size=shape))
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :])
    frequency[0, 0] = np.inf
    plane = np.fft.irfft2(waves / frequency**1.2, s=shape)
    return cast(_Plane, (128 + contrast * plane / plane.std()).astype(np.float32))


def _moved(plane: _Plane, size: tuple[int, int], by: tuple[float, float]) -> _Plane:
    """What is seen of a texture that has moved, by parts of a pixel sideways too."""
    x, y = by[0] % (_MARGIN // 2 - 2), by[1] % (_MARGIN // 2 - 2)
    left, top, part = int(x), int(y), np.float32(x % 1)
    rows = slice(top, top + size[0])
    here, beside = (plane[rows, at : at + size[1]] for at in (left, left + 1))
    return cast(_Plane, here + part * (beside - here))


def _blend(far: _Plane, near: _Plane, mask: _Plane) -> _Plane:
    return cast(_Plane, far + mask * (near - far))


def _frame(planes: list[_Plane]) -> av.VideoFrame:
    flat = np.concatenate([np.clip(plane, 16, 235).astype(np.uint8).ravel() for plane in planes])
    height, width = planes[0].shape
    return av.VideoFrame.from_ndarray(flat.reshape(height * 3 // 2, width), format="yuv420p")


def chord(number: int) -> av.AudioFrame:
    """A chord with noise: the audio of one frame."""
    count = AUDIO_RATE // FPS
    at = np.arange(number * count, (number + 1) * count) / AUDIO_RATE
    tones = sum(np.sin(2 * np.pi * hz * at) for hz in (220, 277, 330, 1760))
    noise = np.random.default_rng(number).normal(0, 0.3, count)
    packed = np.repeat(((tones + noise) * 4000).astype(np.int16), 2)[None, :]
    frame = av.AudioFrame.from_ndarray(packed, format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, number * count, AUDIO_TIME_BASE
    return frame


def write_nut(
    path: Path,
    frames: Iterable[av.VideoFrame],
    *,
    width: int,
    height: int,
    audio_of: Callable[[int], av.AudioFrame] = chord,
) -> int:
    """Frames of this size, 30 a second, and the audio of each, as the recorder's pipe has them.

    How many frames there are. Blocking.
    """
    count = 0
    with av.open(str(path), "w", format="nut") as nut:
        video = nut.add_stream("rawvideo", rate=FPS)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.time_base = video.codec_context.time_base = VIDEO_TIME_BASE
        audio = nut.add_stream("pcm_s16le", rate=AUDIO_RATE, layout="stereo")
        audio.time_base = AUDIO_TIME_BASE
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number * 90_000 // FPS, VIDEO_TIME_BASE
            nut.mux(video.encode(frame))
            nut.mux(cast(Any, audio.encode(audio_of(number))))
            count += 1
    return count


if __name__ == "__main__":
    write(Film(*map(int, sys.argv[2:5])), Path(sys.argv[1]))
