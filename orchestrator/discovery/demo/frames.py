"""The demo's video and audio frames, each a pure function of its number.

Frame 0 and sample 0 are on a full second. For the first tenth of each second the flash box is white
and a 1 kHz tone is heard, so that A/V sync of a recording can be checked to the frame.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import av
import av.filter
import numpy as np
from numpy.typing import NDArray

from orchestrator.media import AUDIO_CHANNELS, AUDIO_RATE

WIDTH: Final = 1280
HEIGHT: Final = 720
FPS: Final = 30
SAMPLES: Final = AUDIO_RATE // 50
"""Samples of one audio frame: 20 ms, Opus's usual packet (RFC 7587 §4.2)."""

FLASH_FRAMES: Final = FPS // 10
FLASH: Final = (slice(96, 288), slice(400, 880))
"""Rows and columns of the box that flashes."""

_CLOCK: Final = (slice(328, 488), slice(160, 1120))
_TRACK: Final = (slice(592, 656), slice(0, WIDTH))
_BLOCK: Final = 64
_BLACK: Final = 16
_WHITE: Final = 235
_GREY_CHROMA: Final = 128
"""Limited range (ITU-R BT.709 §6.10), as every decoder expects of plain yuv420p."""

_SCALE: Final = 13
_GLYPHS: Final = {
    "0": "01110100011001110101110011000101110",
    "1": "00100011000010000100001000010001110",
    "2": "01110100010000100010001000100011111",
    "3": "11111000100010000010000011000101110",
    "4": "00010001100101010010111110001000010",
    "5": "11111100001111000001000011000101110",
    "6": "00110010001000011110100011000101110",
    "7": "11111000010001000100010000100001000",
    "8": "01110100011000101110100011000101110",
    "9": "01110100011000101111000010001001100",
    ":": "00000001000010000000001000010000000",
    ".": "00000000000000000000000000011000110",
}
"""Five columns and seven rows each, row by row."""


class VideoPattern:
    """Draws the test card: colour bars, a wall clock, a flash each second, a moving block."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._card = _colour_bars()
        for rows, columns in (FLASH, _CLOCK, _TRACK):
            _fill(self._card, rows, columns)
        self._glyphs = {text: _bitmap(bits) for text, bits in _GLYPHS.items()}

    def frame(self, number: int) -> av.VideoFrame:
        """Frame `number`, without a PTS."""
        canvas = self._card.copy()
        if number % FPS < FLASH_FRAMES:
            canvas[FLASH] = _WHITE
        self._draw_clock(canvas, self._start + timedelta(seconds=number / FPS))
        left = (number * 8) % (WIDTH - _BLOCK)
        canvas[_TRACK[0], left : left + _BLOCK] = _WHITE
        return av.VideoFrame.from_ndarray(canvas, format="yuv420p")

    def _draw_clock(self, canvas: NDArray[np.uint8], moment: datetime) -> None:
        text = moment.strftime("%H:%M:%S.%f")[:-4]
        bitmap = np.concatenate([self._glyphs[character] for character in text], axis=1)
        rows, columns = _CLOCK
        top = (rows.start + rows.stop - bitmap.shape[0]) // 2
        left = (columns.start + columns.stop - bitmap.shape[1]) // 2
        canvas[top : top + bitmap.shape[0], left : left + bitmap.shape[1]] = bitmap


def _bitmap(bits: str) -> NDArray[np.uint8]:
    cells = np.array([character == "1" for character in bits]).reshape(7, 5)
    spaced = np.pad(cells, ((0, 0), (0, 1)))
    large = np.kron(spaced, np.ones((_SCALE, _SCALE), dtype=bool))
    return np.where(large, _WHITE, _BLACK).astype(np.uint8)


def _fill(card: NDArray[np.uint8], rows: slice, columns: slice) -> None:
    """Draws a black box into a planar 4:2:0 image, whose chroma planes follow the luma plane."""
    card[rows, columns] = _BLACK
    chroma = card[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
    chroma[
        :,
        rows.start // 2 : rows.stop // 2,
        columns.start // 2 : columns.stop // 2,
    ] = _GREY_CHROMA


def _colour_bars() -> NDArray[np.uint8]:
    graph = av.filter.Graph()
    bars = graph.add("smptehdbars", f"size={WIDTH}x{HEIGHT}:rate={FPS}")
    bars.link_to(graph.add("buffersink"))
    graph.configure()
    frame = graph.pull()
    assert isinstance(frame, av.VideoFrame)
    return frame.reformat(format="yuv420p").to_ndarray().astype(np.uint8)


class Beeps:
    """A short 1 kHz tone at each full second, silence between."""

    def __init__(self) -> None:
        time_s = np.arange(AUDIO_RATE) / AUDIO_RATE
        tone = 0.4 * np.sin(2 * np.pi * 1000 * time_s) * (time_s < FLASH_FRAMES / FPS)
        samples = (tone * 32767).astype(np.int16)
        self._second = np.repeat(samples, AUDIO_CHANNELS).reshape(AUDIO_RATE, AUDIO_CHANNELS)

    def frame(self, number: int) -> av.AudioFrame:
        """The 20 ms from sample `number` x 960 on, without a PTS."""
        first = number * SAMPLES % AUDIO_RATE
        packed = self._second[first : first + SAMPLES].reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout="stereo")
        frame.sample_rate = AUDIO_RATE
        return frame
