"""Thumbnails: small JPEG images of a given frame or of a finished file. Blocking."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import av
from av.container import InputContainer

from orchestrator.errors import NoFrame
from orchestrator.mediafiles.media_file import Unreadable, opened
from orchestrator.recordings.images.stills import encoded, scaled

MOST_WIDE: Final = 480
"""Width in pixels: twice that of a card in the dashboard, for high-density screens."""

_QUALITY: Final = 4
"""The quantizer of ffmpeg's mjpeg encoder, 2 (best) to 31: about 15 kB for 480x270."""

_WHERE: Final = 1 / 3
"""Position in the file, as a share of its length: openings and ends are often black."""


def jpeg(frame: av.VideoFrame) -> bytes:
    """The frame as JPEG, in proportion, at most `MOST_WIDE` wide; the frame isn't changed.

    Takes some 2.5 ms of CPU for 1280x720.
    """
    width = min(frame.width, MOST_WIDE)
    height = max(round(frame.height * width / frame.width / 2) * 2, 2)
    return encoded(scaled(frame, max(width // 2 * 2, 2), height), quantizer=_QUALITY)


def thumbnail(path: Path) -> bytes:
    """A JPEG of the frame at a third of the file. Raises NoFrame if there is none."""
    try:
        with opened(path) as (container, _):
            return jpeg(_frame(container, path))
    except Unreadable as error:
        raise NoFrame(f"The file {path} {error.problem}", error.advice) from error


def _frame(container: InputContainer, path: Path) -> av.VideoFrame:
    if not container.streams.video:
        raise NoFrame(f"The file {path} holds audio only", "Play it: there is nothing to see.")
    if container.duration:
        container.seek(round(container.duration * _WHERE))
    frame = next(container.decode(container.streams.video[0]), None)
    if frame is None:
        raise NoFrame(
            f"No video frame of {path} can be decoded", "`orchestrator inspect` says more."
        )
    return frame
