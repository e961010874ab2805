"""What is made of a recording's keyframes: images that are due, scene changes, the sprite.

Blocking; one thread of the lowest priority works for it (`thread`), and no longer than it has to.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import av
import numpy as np
import structlog
from av.video.reformatter import Interpolation

from orchestrator.fragments.fragment import NotFragmented
from orchestrator.outputs.specs import ImagesOutput
from orchestrator.pipes.colors import colors_of, swscale_matrix, swscale_range
from orchestrator.recordings.images.stills import still
from orchestrator.worker.outputs.images.keyframes import Keyframe, Keyframes
from orchestrator.worker.outputs.images.scenes import SIZE, Scenes, Small
from orchestrator.worker.outputs.images.sprite import Sprite

log = structlog.get_logger(__name__)

INTERVAL_S: Final = 10.0
"""Seconds between two images where a request says neither an interval nor scene changes."""

MOST_IMAGES: Final = 10_000
"""Of one recording; the sprite goes on."""

AT_ONCE: Final = 4
"""Keyframes that are decoded before what was made of them is written."""

_NICENESS: Final = 19


@dataclass(frozen=True, slots=True)
class Shot:
    """An image that was made."""

    at_s: float
    data: bytes


@dataclass(slots=True)
class Shots:
    """Of one output. Makes what is due of each new keyframe."""

    spec: ImagesOutput
    keyframes: Keyframes
    work: Path
    reserve_bytes: int
    made: int = 0
    """Images of the recording so far, also an earlier worker's."""
    last_s: float = -1.0
    """Time of the last one."""
    sprite: Sprite = field(default_factory=Sprite)
    undecodable: int = 0
    skipped: int = 0
    """Images that weren't made as the disk is full."""
    _scenes: Scenes = field(default_factory=Scenes)
    _pending: list[Keyframe] = field(default_factory=list)

    @property
    def interval_s(self) -> float | None:
        """Seconds between two images by time; None: only scene changes."""
        if self.spec.interval_s is None and not self.spec.scene_changes:
            return INTERVAL_S
        return self.spec.interval_s

    @property
    def is_full(self) -> bool:
        """Whether the recording has as many images as it may have."""
        return self.made >= MOST_IMAGES

    def next(self, paths: Sequence[Path], *, last: bool = False) -> tuple[list[Shot], bool]:
        """Some images that are due now, and whether there may be more at once."""
        if not self._pending:
            self._pending = [
                keyframe
                for keyframe in self.keyframes.new(paths, last=last)
                if self._is_wanted(keyframe.at_s)
            ]
        now, self._pending = self._pending[:AT_ONCE], self._pending[AT_ONCE:]
        shots = [shot for keyframe in now if (shot := self._shot(keyframe)) is not None]
        return shots, bool(self._pending)

    def _is_wanted(self, at_s: float) -> bool:
        tile = self.spec.sprite and self.sprite.is_due(at_s)
        return tile or self._is_due(at_s) or self._may_be_scene(at_s)

    def _is_due(self, at_s: float) -> bool:
        interval_s = self.interval_s
        if interval_s is None or self.is_full:
            return False
        return self.last_s < 0 or int(at_s / interval_s) > int(self.last_s / interval_s)

    def _may_be_scene(self, at_s: float) -> bool:
        return self.spec.scene_changes and not self.is_full and self._scenes.may_change(at_s)

    def _shot(self, keyframe: Keyframe) -> Shot | None:
        at_s = keyframe.at_s
        if not self._is_wanted(at_s):
            return None  # one before it was taken
        try:
            if (frame := keyframe.decoded()) is None:
                self.undecodable += 1
                return None
        except (OSError, NotFragmented, av.FFmpegError) as error:
            log.info("keyframe not decoded", at_s=at_s, error=str(error))
            self.undecodable += 1
            return None
        if self.spec.sprite and self.sprite.is_due(at_s):
            self.sprite.add(at_s, frame)
        scene = self._may_be_scene(at_s) and self._scenes.changed(at_s, _small(frame))
        if not (scene or self._is_due(at_s)):
            return None
        return self._image(at_s, frame)

    def _image(self, at_s: float, frame: av.VideoFrame) -> Shot | None:
        if self._is_due(at_s):
            self.last_s = at_s
        if shutil.disk_usage(self.work).free < self.reserve_bytes:
            self.skipped += 1
            return None
        self.made += 1
        return Shot(at_s, still(frame, self.spec.width, self.spec.format))


def _small(frame: av.VideoFrame) -> Small:
    own = colors_of(frame)
    small = frame.reformat(
        *SIZE,
        "rgb24",
        interpolation=Interpolation.AREA,
        src_colorspace=swscale_matrix(own),
        src_color_range=swscale_range(own),
        threads=1,
    )
    return np.asarray(small.to_ndarray(), np.uint8)


def thread() -> ThreadPoolExecutor:
    """One thread that only works when nothing of the recording waits for the CPU."""
    return ThreadPoolExecutor(1, thread_name_prefix="images", initializer=_be_nice)


def _be_nice() -> None:
    # Linux has a nice value for each thread (sched(7)); elsewhere it would be the process's.
    if os.uname().sysname == "Linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
