"""Which frame size a recording has, and when that follows its source. Pure.

A segment has one size (its canvas). A source that has grown, or has another shape, for `HOLD_S`
gets a new canvas, and so a new segment; a source that has shrunk is scaled to fit, since layers of
simulcast come and go. Changes are bounded: each is a segment more to join.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from orchestrator.media import Publication
from orchestrator.pipes.canvas import DEFAULT_CANVAS, LIMITS, CanvasSize, SizeLimits, same_shape

HOLD_S: Final = 2.0
"""How long a source must have its new size before the canvas follows."""

LONGEST_S: Final = 6.0
"""A source that doesn't fit for so long is followed even if its size keeps changing."""

PROMISE_S: Final = 5.0
"""How long to wait for frames of an announced size."""

REFUSED_S: Final = 10.0
"""Seconds until a refused change is tried again."""

PER_MINUTE: Final = 4
PER_DAY: Final = 240
"""Largest number of changes."""

_MINUTE_S: Final = 60.0
_DAY_S: Final = 86_400.0

Size = tuple[int, int]
"""Width and height of a source's frames."""


class CanvasPolicy:
    """The canvas, from the first announcement on. `due` gives the size it should change to."""

    def __init__(
        self,
        canvas: CanvasSize | None,
        *,
        follows: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.canvas = canvas
        """Of the next segment; None before the recording begins."""
        self.limits = LIMITS
        self.source: Size | None = None
        """Size of the last frame; None while none arrive."""
        self._follows, self._clock = follows, clock
        self._begun = canvas is not None
        self._empty = canvas is None
        """It was chosen before any frame arrived; only black filler has been written on it."""
        self._target: CanvasSize | None = None
        self._unfit_since_s = self._target_since_s = 0.0
        self._promised = canvas is None
        """No frame has filled the canvas yet."""
        self._promised_s = 0.0
        """When the first frame was put on it."""
        self._seen: Size = (0, 0)
        """The largest frame since then; zero before."""
        self._false_announcement: Size | None = None
        """An announced size whose frames never arrived."""
        self._changes: deque[float] = deque(maxlen=PER_DAY)
        self._refused_s = float("-inf")
        self._refusal: str | None = None

    def begin(self, video: Publication | None) -> CanvasSize:
        """The recording begins: with what is there, else what is announced, else the default."""
        self._begun = True
        if self.canvas is None:
            self.canvas = self._of_announced(video) or DEFAULT_CANVAS
        return self.canvas

    def announced(self, video: Publication | None) -> None:
        """The selected video has changed; it may be muted. Counts until a frame has arrived."""
        if self._empty and self.canvas is not None and (size := self._of_announced(video)):
            self._aim(size, at_once=True)

    def saw(self, size: Size, video: Publication) -> None:
        """A frame of this size is recorded."""
        self.source = size
        announced = (video.width, video.height)
        target = canvas_for(
            size, announced if announced != self._false_announcement else (0, 0), self.limits
        )
        if self.canvas is None or (not self._begun and self._unfit(target)):
            self.canvas, self._empty = target, False
        self._promised = self._promised and not _fills(size, self.canvas)
        if self._empty:
            self._empty = target != self.canvas
            self._aim(target, at_once=True)
        elif (smaller := self._broken_promise(size, announced)) is not None:
            self._aim(smaller, at_once=True)
        else:
            self._aim(target if self._unfit(target) else self.canvas)

    def stopped(self) -> None:
        """No frames are expected: forget the last one's size."""
        self.source = None
        if not self._empty:
            self._target = None

    def limit(self, limits: SizeLimits) -> CanvasSize:
        """The encoder is known now, and the recording has begun; gives the first segment's size."""
        assert self.canvas is not None
        self.limits = limits
        self.canvas = CanvasSize.fitting(self.canvas.width, self.canvas.height, limits)
        return self.canvas

    def due(self) -> CanvasSize | None:
        """The size that the canvas should change to now."""
        now_s = self._clock()
        if self._target is None or not self._follows or now_s - self._refused_s < REFUSED_S:
            return None
        stable = now_s - self._target_since_s >= HOLD_S
        ripe = stable or now_s - self._unfit_since_s >= LONGEST_S
        return self._target if ripe and self._may_change(now_s) else None

    def changed(self, canvas: CanvasSize) -> None:
        """It has changed to what was due."""
        self.canvas, self._refusal = canvas, None
        self._target = None if self._target == canvas else self._target
        self._empty = self._empty and self.source is None
        seen = max(self._seen, self.source or (0, 0), key=math.prod)
        self._promised, self._seen = not _fills(seen, self.canvas), (0, 0)
        self._changes.append(self._clock())

    def refused(self, reason: str) -> None:
        """The change is refused for now."""
        self._refused_s, self._refusal = self._clock(), reason

    def warnings(self) -> list[str]:
        """Says when the video is not recorded in its own size, and why."""
        if self.canvas is None or self.source is None:
            return []
        smaller = not self.canvas.holds(*self.source)
        if not smaller and same_shape(self.source, _sides(self.canvas)):
            return []
        if (why := self._why()) is None:
            return []
        how = "scaled down" if smaller else "between black bars"
        arriving = f"{self.source[0]}x{self.source[1]}"
        return [f"The video arrives as {arriving} and is recorded {how} in {self.canvas}: {why}."]

    def _why(self) -> str | None:
        """None while the canvas is about to follow."""
        if not self._follows:
            return "the canvas is fixed (ORCHESTRATOR_CANVAS)"
        if self._target is None:
            limits = self.limits
            return (
                f"the pipeline takes frames from {limits.least_width}x{limits.least_height} to "
                f"{limits.most_width}x{limits.most_height} and {limits.most_pixels} pixels"
            )
        if self._refusal is not None:
            return self._refusal.rstrip(".")
        if not self._may_change(self._clock()):
            return "its size has changed too often; the canvas follows later"
        return None

    def _of_announced(self, video: Publication | None) -> CanvasSize | None:
        if video is None or not video.width * video.height:
            return None
        return CanvasSize.fitting(video.width, video.height, self.limits)

    def _unfit(self, target: CanvasSize) -> bool:
        """Whether it is more than the canvas in another size, or with its sides rounded."""
        assert self.canvas is not None
        within = self.canvas.holds(*_sides(target))
        shape = same_shape(_sides(target), _sides(self.canvas))
        return target != self.canvas and not (within and shape)

    def _aim(self, target: CanvasSize, *, at_once: bool = False) -> None:
        now_s = self._clock()
        if target == self.canvas:
            self._target = None
            return
        if self._target is None:
            self._unfit_since_s = now_s
        if target != self._target:
            self._target, self._target_since_s = target, now_s
        if at_once:
            self._unfit_since_s = self._target_since_s = float("-inf")

    def _broken_promise(self, size: Size, announced: Size) -> CanvasSize | None:
        """A smaller canvas, if frames of the announced size never arrived."""
        assert self.canvas is not None
        if not self._promised or not same_shape(size, _sides(self.canvas)):
            return None
        if self._seen == (0, 0):
            self._promised_s = self._clock()
        self._seen = max(self._seen, size, key=math.prod)
        if self._clock() - self._promised_s >= PROMISE_S:
            self._false_announcement = announced
            return CanvasSize.fitting(*self._seen, self.limits)
        return None

    def _may_change(self, now_s: float) -> bool:
        lately = [at for at in self._changes if now_s - at < _MINUTE_S]
        today = [at for at in self._changes if now_s - at < _DAY_S]
        return len(lately) < PER_MINUTE and len(today) < PER_DAY


def canvas_for(size: Size, announced: Size, limits: SizeLimits = LIMITS) -> CanvasSize:
    """The announced size if the frame has its shape, else the frame's.

    The first frames of a subscription may be a small simulcast layer.
    """
    if math.prod(announced) > math.prod(size) and same_shape(announced, size):
        return CanvasSize.fitting(*announced, limits)
    return CanvasSize.fitting(*size, limits)


def _sides(canvas: CanvasSize) -> Size:
    return canvas.width, canvas.height


def _fills(size: Size, canvas: CanvasSize) -> bool:
    """Whether such a frame isn't scaled up."""
    return size[0] >= canvas.width - 2 or size[1] >= canvas.height - 2
