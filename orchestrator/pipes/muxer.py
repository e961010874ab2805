"""Writes frames as NUT into a pipe, and announces the frame rate as it changes."""

from __future__ import annotations

from typing import Final

import av
import numpy as np

from orchestrator.pipes import nut
from orchestrator.pipes.canvas import CanvasSize, packed
from orchestrator.pipes.fifo import Fifo
from orchestrator.pipes.frame_rate import FrameRate, differs
from orchestrator.pipes.timeline_items import Samples

_RATE_WINDOW_S: Final = 0.5
"""The frame rate that encoders plan with is measured over so much of the video."""

_RATE_TOLERANCE: Final = 0.05
"""Share by which the true rate may differ from the one announced last."""


class Muxer:
    """Each call returns when the frame is in the pipe; no copy of it is made."""

    def __init__(self, fifo: Fifo, size: CanvasSize, fps: float) -> None:
        self._fifo = fifo
        self._announced_fps, self._rate = fps, FrameRate(_RATE_WINDOW_S)
        fifo.write(nut.header(size.width, size.height, fps))

    def video(self, pts: int, frame: av.VideoFrame) -> None:
        self._rate.add(pts)
        if (fps := self._rate.fps) and differs(fps, self._announced_fps, _RATE_TOLERANCE):
            self._announce_rate(fps)
        self._write_video(pts, frame)

    def last_video(self, pts: int, frame: av.VideoFrame, fps: float) -> None:
        """The last frame, which lasts as long as one at this rate."""
        self._announce_rate(fps)
        self._write_video(pts, frame)

    def _announce_rate(self, fps: float) -> None:
        self._fifo.write(nut.rate(fps))
        self._announced_fps = fps

    def _write_video(self, pts: int, frame: av.VideoFrame) -> None:
        planes = [packed(plane).data for plane in frame.planes]
        size = sum(plane.nbytes for plane in planes)
        self._fifo.write(nut.frame(nut.VIDEO, pts, size), *planes)

    def audio(self, pts: int, samples: Samples) -> None:
        pcm = np.ascontiguousarray(samples).data
        self._fifo.write(nut.frame(nut.AUDIO, pts, pcm.nbytes), pcm)
