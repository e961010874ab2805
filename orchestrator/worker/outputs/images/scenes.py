"""When a keyframe shows another scene. Pure.

Both frames are shrunk to 32x18 pixels of RGB, which noise and small movements hardly change; the
measure is their mean absolute difference as a share of full scale.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

SIZE: Final = (32, 18)
THRESHOLD: Final = 0.1
"""Chosen, not measured: what counts as another scene is a matter of taste."""
DISTANCE_S: Final = 2.0
"""Least seconds between two."""
_BLACK: Final = 24
"""A frame with no value above it is black: a muted video's filler, or a fade. No scene."""

Small = NDArray[np.uint8]


def difference(one: Small, other: Small) -> float:
    """0 (the same) to 1."""
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean()) / 255


class Scenes:
    """Compares each frame with the one of the last scene change."""

    def __init__(self) -> None:
        self._last: Small | None = None
        self._last_s = -DISTANCE_S

    def may_change(self, at_s: float) -> bool:
        """Whether a frame at this time is worth looking at."""
        return at_s - self._last_s >= DISTANCE_S

    def changed(self, at_s: float, small: Small) -> bool:
        """Whether this frame shows another scene; the first one that isn't black does."""
        if not self.may_change(at_s) or int(small.max()) <= _BLACK:
            return False
        if self._last is not None and difference(small, self._last) < THRESHOLD:
            return False
        self._last, self._last_s = small, at_s
        return True
