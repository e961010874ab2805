"""A film to measure encoders with: made, not shipped, and as hard to encode as film is.

A test chart is too easy for an encoder and pure noise too hard: neither says what a stream will
cost. What is here has the spectrum of natural images (amplitude falls with frequency: Field,
"Relations between the statistics of natural images", JOSA A 4, 1987), moves by parts of a
pixel, has things in front of each other, grain as of a camera, and a cut. docs/capacity.md
compares what it costs with what real film costs. It is the same every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FPS: Final = 30


@dataclass(frozen=True, slots=True)
class Film:
    """So many frames of this size at 30 a second, with audio."""

    width: int
    height: int
    frames: int

    @property
    def megapixels(self) -> float:
        """In all frames together."""
        return self.width * self.height * self.frames / 1e6
