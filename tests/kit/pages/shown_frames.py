"""The numbered frames (`tests.kit.signals.codes`) that a page's video element shows, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.async_api import Locator

from tests.kit.signals.codes import BITS, CELLS

LOOK_S: Final = 0.2
LATEST_S: Final = 3.0
"""How far behind it is is that of all frames of so long."""
_FOLLOW: Final = """
(video, [bits, cells]) => {
  const canvas = new OffscreenCanvas(16 * cells, 1);
  const drawing = canvas.getContext('2d', {willReadFrequently: true});
  const read = () => {
    drawing.drawImage(video, 0, video.videoHeight / 8, video.videoWidth, 1, 0, 0, canvas.width, 1);
    const row = drawing.getImageData(0, 0, canvas.width, 1).data;
    const bars = Array.from({length: cells}, (_, cell) => row[4 * (16 * cell + 8)] > 128);
    const set = bars.slice(2, 2 + bits);
    const fits = bars[0] && !bars[1] && !bars[cells - 1];
    const even = set.filter(Boolean).length % 2 === Number(bars[2 + bits]);
    return fits && even ? set.reduce((code, bit, at) => code | bit << at, 0) : null;
  };
  video.shownFrames = [];
  const next = () => {
    const number = read();
    if (number !== null) video.shownFrames.push([Date.now() / 1000, number]);
    video.requestVideoFrameCallback(next);
  };
  video.requestVideoFrameCallback(next);
}
"""


@dataclass(frozen=True, slots=True)
class Camera:
    """When frames are captured: number 0 now."""

    fps: int
    began_s: float = field(default_factory=time.monotonic)
    """time.monotonic() of frame 0."""

    def captured_at(self, number: int) -> float:
        """As time.time()."""
        return time.time() - time.monotonic() + self.began_s + number / self.fps


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame."""

    at_s: float
    """When it was shown, as time.time()."""
    number: int
    behind_s: float
    """How long after it was captured."""


class ShownFrames:
    """Follows an element."""

    def __init__(self, video: Locator, camera: Camera) -> None:
        self._video, self._camera = video, camera

    async def follow(self) -> None:
        """From now on; once."""
        await self._video.evaluate(_FOLLOW, [BITS, CELLS])

    async def taken(self) -> list[Shown]:
        """Those that were shown since the last call, without those that couldn't be read."""
        found: list[Any] = await self._video.evaluate("video => video.shownFrames.splice(0)")
        at = self._camera.captured_at
        return [Shown(at_s, number, at_s - at(number)) for at_s, number in found]

    async def until(self, wanted: Callable[[Shown], bool], *, within_s: float) -> Shown:
        """The first such frame from now on."""
        async with asyncio.timeout(within_s):
            while True:
                for each in await self.taken():
                    if wanted(each):
                        return each
                await asyncio.sleep(LOOK_S)

    async def until_near(self, near_s: float, *, within_s: float) -> float:
        """Until all frames of a while are that little behind; the farthest of them."""
        latest: list[Shown] = []
        async with asyncio.timeout(within_s):
            while True:
                latest += await self.taken()
                begin_s = time.time() - LATEST_S
                whole = bool(latest) and latest[0].at_s < begin_s
                latest = [each for each in latest if each.at_s >= begin_s]
                farthest_s = max((each.behind_s for each in latest), default=near_s + 1)
                if whole and farthest_s <= near_s:
                    return farthest_s
                await asyncio.sleep(LOOK_S)

    async def during(self, seconds: float) -> list[Shown]:
        """All of so long."""
        await self.taken()
        await asyncio.sleep(seconds)
        return await self.taken()

    async def until_ended(self, *, within_s: float) -> list[Shown]:
        """All until the element has ended."""
        found: list[Shown] = []
        async with asyncio.timeout(within_s):
            while True:
                ended = await self._video.evaluate("video => video.ended")
                found += await self.taken()
                if ended:
                    return found
                await asyncio.sleep(LOOK_S)
