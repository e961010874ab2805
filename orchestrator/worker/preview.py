"""Makes a preview of what is recorded, while somebody asks (recordings.images.preview_files)."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

import av
import structlog

from orchestrator.media import EncodedFrame
from orchestrator.periodic import Periodic
from orchestrator.recordings.images.preview_files import WANTED_S, is_newer
from orchestrator.recordings.images.thumbnails import jpeg

log = structlog.get_logger(__name__)

PERIOD_S: Final = 0.8
"""Seconds between two preview images while somebody asks."""


class Preview:
    """Keeps the newest frame, and makes an image of it when one is wanted."""

    def __init__(self, folder: Path) -> None:
        self._wanted, self._image = folder / "preview.wanted", folder / "preview.jpg"
        self._newest: av.VideoFrame | EncodedFrame | None = None

    def take(self, frame: av.VideoFrame, *, filler: bool) -> None:
        """Called in the writer's thread for each frame of video written.

        Filler counts only after a real frame: a recording of audio alone has no preview.
        """
        if self._newest is not None or not filler:
            self._newest = frame

    def take_keyframe(self, frame: EncodedFrame) -> None:
        """The same for each keyframe of a recording that isn't decoded."""
        self._newest = frame

    async def run(self) -> None:
        """Until cancelled. A preview is worth no recording: what fails is tried again."""
        await Periodic(
            partial(asyncio.to_thread, self.make),
            PERIOD_S,
            failure="preview not made; trying again",
            foreseen=(OSError, av.FFmpegError),
            at_once=False,
        ).run()

    def make(self) -> None:
        """Writes an image of the newest frame, if somebody asked lately. Blocking."""
        if (newest := self._newest) is None or not is_newer(self._wanted, WANTED_S):
            return
        frame = _decoded(newest) if isinstance(newest, EncodedFrame) else newest
        if frame is None:
            return
        if self._newest is newest:
            self._newest = frame  # decoded once, however often somebody asks
        unfinished = self._image.with_suffix(".part")
        unfinished.write_bytes(jpeg(frame))
        unfinished.replace(self._image)


def _decoded(keyframe: EncodedFrame) -> av.VideoFrame | None:
    """None if the decoder gives nothing for it."""
    decoder = av.CodecContext.create(keyframe.codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    frames = [*decoder.decode(av.Packet(keyframe.data)), *decoder.decode(None)]
    return frames[0] if frames else None
