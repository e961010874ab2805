"""Keeps what an ffmpeg got before any of it can be in its file: the next one gets it again.

Muxers put packets into a file in order of time, so none is written while there is video and no
audio, as in a recording's first seconds (`timeline`); then a second of both at a time. Pure.
"""

from __future__ import annotations

import mmap
from dataclasses import replace
from fractions import Fraction
from typing import Final

import av
import numpy as np

from orchestrator.media import AUDIO_TIME_BASE
from orchestrator.pipes.timeline_items import AudioItem, Item, VideoItem

FIRST_S: Final = 1
"""Seconds of audio that have to come before anything is written."""

MOST_ITEMS: Final = 2048
"""Items kept at most; frames that are held, and black ones, take no memory of their own."""


class Unwritten:
    """All items from `begins` (seconds) on, until there is a second of audio; bounded in bytes.

    Beyond the bound video is thinned evenly, again and again: every second frame, every fourth.
    """

    def __init__(self, begins: Fraction, limit_bytes: int) -> None:
        self._until, self._limit = begins + FIRST_S, limit_bytes
        self._items: list[Item] = []
        self._bytes = 0
        self._every, self._passed = 1, 0
        self._done = False
        self._latest: tuple[av.VideoFrame, av.VideoFrame] | None = None
        """A frame and its copy: held frames come again and again."""
        self.left_out = 0
        """Frames that were thinned out."""

    def __bool__(self) -> bool:
        """Whether anything is kept."""
        return bool(self._items)

    def add(self, item: Item) -> None:
        """It was written into the pipe."""
        if self._done:
            return
        if isinstance(item, VideoItem):
            if not self._takes():
                return
            item = self._copied(item)
        elif (item.pts + item.count) * AUDIO_TIME_BASE >= self._until:
            self.clear()
            return
        self._items.append(item)
        self._bytes += item.size_bytes
        while self._bytes > self._limit or len(self._items) > MOST_ITEMS:
            self._thin()

    def clear(self) -> None:
        """From now on what was written reaches the file: nothing is kept any more."""
        self._done, self._latest = True, None
        self._items.clear()

    def take(self) -> list[Item]:
        """Returns all that is kept, in order, and keeps nothing any more."""
        items = [*self._items]
        self.clear()
        return items

    def _copied(self, item: VideoItem) -> VideoItem:
        """In memory of its own.

        A decoder keeps as many buffers as were ever in use at a time: frames that are kept for a
        second would cost some 40 MB of 720p until the recording's end.
        """
        frame = item.frame
        if frame is None or frame.format.name != "yuv420p" or frame.width % 2 or frame.height % 2:
            return item  # PyAV copies no others
        if self._latest is None or self._latest[0] is not frame:
            self._latest = frame, _copy(frame)
        return replace(item, frame=self._latest[1])

    def _takes(self) -> bool:
        self._passed += 1
        takes = (self._passed - 1) % self._every == 0
        self.left_out += not takes
        return takes

    def _thin(self) -> None:
        """Leaves out every second frame."""
        number, kept = 0, list[Item]()
        for item in self._items:
            if isinstance(item, AudioItem):
                kept.append(item)
                continue
            if number % 2 == 0:
                kept.append(item)
            number += 1
        self.left_out += len(self._items) - len(kept)
        self._every *= 2
        self._items, self._bytes = kept, sum(item.size_bytes for item in kept)


def _copy(frame: av.VideoFrame) -> av.VideoFrame:
    """Mapped by itself: what malloc gave for it would stay with the process."""
    data = frame.to_ndarray()
    mapped = np.frombuffer(mmap.mmap(-1, data.size), np.uint8).reshape(data.shape)
    mapped[:] = data
    copy = av.VideoFrame.from_numpy_buffer(mapped, format=frame.format.name)
    copy.colorspace, copy.color_range = frame.colorspace, frame.color_range
    copy.color_primaries, copy.color_trc = frame.color_primaries, frame.color_trc
    return copy
