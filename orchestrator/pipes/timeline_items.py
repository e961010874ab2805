"""What the timeline gives to the writer: frames with their position in the recording."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from orchestrator.media import AUDIO_CHANNELS

Samples = NDArray[np.int16]
"""Stereo PCM, shape (n, 2), 48 kHz."""

_SAMPLE_BYTES = 2 * AUDIO_CHANNELS


@dataclass(frozen=True, slots=True)
class AudioItem:
    """`count` samples from `pts` on (time base 1/48000); `samples` None is silence."""

    pts: int
    count: int
    samples: Samples | None

    @property
    def size_bytes(self) -> int:
        """What it holds in memory; silence holds nothing."""
        return 0 if self.samples is None else self.count * _SAMPLE_BYTES

    def divided(self, sample: int) -> tuple[AudioItem | None, AudioItem | None]:
        """The part before `sample`, and the rest; views, not copies."""
        count = min(max(sample - self.pts, 0), self.count)
        if count == 0:
            return None, self
        if count == self.count:
            return self, None
        head, tail = (
            (None, None) if self.samples is None else (self.samples[:count], self.samples[count:])
        )
        return AudioItem(self.pts, count, head), AudioItem(sample, self.count - count, tail)


@dataclass(frozen=True, slots=True)
class VideoItem:
    """A video frame at `pts` (time base 1/90000); `frame` None is a black one."""

    pts: int
    frame: av.VideoFrame | None
    filler: bool = False
    """Repeated or black, put in because no frame came."""

    @property
    def size_bytes(self) -> int:
        """Memory of the frame: 1.5 bytes a pixel as yuv420p, up to 6 in other formats."""
        if self.frame is None:
            return 0
        if self.frame.format.name == "yuv420p":
            return self.frame.width * self.frame.height * 3 // 2
        return sum(plane.buffer_size for plane in self.frame.planes)


Item = AudioItem | VideoItem


def to_samples(frame: av.AudioFrame) -> Samples:
    """Those of a frame of packed 16 bit stereo: its own memory, not a copy."""
    count = frame.samples * AUDIO_CHANNELS
    return np.frombuffer(memoryview(frame.planes[0]), np.int16, count).reshape(-1, AUDIO_CHANNELS)
