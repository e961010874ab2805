"""Decodes a recording and reads what the publisher put into it: numbers, flashes and beeps."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt

from tests.kit.signals.codes import is_flash, luma_of, read_code
from tests.kit.signals.tones import TONES, Heard, heard, spans

LOUD: Final = 2_000
"""Samples beyond this belong to a beep (its amplitude is 12 000)."""

QUIET_S: Final = 0.3
"""A beep begins after at least this much quiet."""


@dataclass
class Reading:
    """What a file holds. Times in seconds from the file's beginning."""

    codes: list[tuple[float, int]] = field(default_factory=list)
    unreadable: int = 0
    """Frames that decode and carry no number: black ones, say."""
    flashes: list[float] = field(default_factory=list)
    beeps: list[float] = field(default_factory=list)
    video_end_s: float = 0.0
    audio_end_s: float = 0.0
    audio_samples: int = 0
    audio_gaps: int = 0
    """Places where a decoded audio frame does not begin where the one before ended."""
    tones: Heard = field(default_factory=lambda: Heard(()))
    """Who is heard when (`tests.kit.livekit.crowd`), by half seconds from the audio's beginning."""
    heard: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    """From when to when each tone is heard, as `tests.kit.signals.tones.spans` tells."""
    video_codec: str | None = None
    audio_codec: str | None = None
    size: tuple[int, int] = (0, 0)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def numbers(self) -> list[int]:
        """The frame numbers in the order of the file."""
        return [code for _, code in self.codes]

    @property
    def missing(self) -> int:
        """Numbers between the first and the last that are not there."""
        numbers = self.numbers
        return 0 if not numbers else numbers[-1] - numbers[0] + 1 - len(set(numbers))

    @property
    def in_order(self) -> bool:
        """Whether no number comes back; one that is held comes several times in a row."""
        return all(a < b for a, b in pairwise([code for code, _ in groupby(self.numbers)]))

    @property
    def in_order_and_once(self) -> bool:
        """Whether each number is larger than the one before."""
        return all(a < b for a, b in pairwise(self.numbers))

    @property
    def offsets_s(self) -> list[float]:
        """How much later than its flash each beep sounds, for the flashes that have one near."""
        found = []
        for flash in self.flashes:
            near = min(self.beeps, key=lambda beep: abs(beep - flash), default=None)
            if near is not None and abs(near - flash) < 0.5:
                found.append(near - flash)
        return found


def read(path: Path, *, cut: bool = False, video: int = 0, audio: int = 0) -> Reading:
    """Decodes a video and an audio track; raises if a frame doesn't decode.

    `cut`: whatever is there, up to where it doesn't decode any more.
    """
    reading, tolerated = Reading(), (av.FFmpegError,) if cut else ()
    with av.open(str(path)) as container:
        reading.tags = dict(container.metadata)
        if container.streams.video:
            context = container.streams.video[video].codec_context
            reading.video_codec = context.codec.canonical_name
            reading.size = (context.width, context.height)
            with suppress(*tolerated):
                _read_video(container, video, reading)
    with av.open(str(path)) as container:
        if container.streams.audio:
            reading.audio_codec = container.streams.audio[audio].codec_context.codec.canonical_name
            with suppress(*tolerated):
                _read_audio(container, audio, reading)
    return reading


def read_every_track(path: Path, *, cut: bool = False) -> Reading:
    """The first video, and what is heard in any track of audio; each tone has one of its own."""
    reading = read(path, cut=cut)
    with av.open(str(path)) as container:
        count = len(container.streams.audio)
    for track in range(1, count):
        other = Reading()
        with suppress(*((av.FFmpegError,) if cut else ())), av.open(str(path)) as container:
            _read_audio(container, track, other)
        reading.beeps = sorted([*reading.beeps, *other.beeps])
        for tone, spans_of in other.heard.items():
            reading.heard[tone] = sorted([*reading.heard.get(tone, []), *spans_of])
    return reading


def _read_video(container: av.container.InputContainer, track: int, reading: Reading) -> None:
    container.streams.video[track].thread_type = "AUTO"
    flashing = True
    for frame in container.decode(video=track):
        assert isinstance(frame, av.VideoFrame)
        assert frame.time is not None
        luma = luma_of(frame)
        code = read_code(luma)
        if code is None:
            reading.unreadable += 1
            continue
        reading.codes.append((frame.time, code))
        if (flash := is_flash(luma)) and not flashing:
            reading.flashes.append(frame.time)
        flashing = flash
        reading.video_end_s = frame.time


def _read_audio(container: av.container.InputContainer, track: int, reading: Reading) -> None:
    resampler = av.AudioResampler("s16", "mono", 48_000)
    parts: list[npt.NDArray[Any]] = []
    start: float | None = None
    expected: float | None = None
    for frame in container.decode(audio=track):
        assert isinstance(frame, av.AudioFrame)
        assert frame.time is not None
        start = frame.time if start is None else start
        if expected is not None and abs(gap := frame.time - expected) > 0.0015:
            reading.audio_gaps += 1
            parts.append(np.zeros(max(round(gap * 48_000), 0), np.int16))
        expected = frame.time + frame.samples / frame.sample_rate
        parts += [made.to_ndarray().reshape(-1) for made in resampler.resample(frame)]
    audio = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    reading.audio_samples = len(audio)
    scaled = (audio / 2**15).astype(np.float32)
    reading.tones = heard(scaled)
    reading.heard = {tone: spans(scaled, tone, start or 0.0) for tone in TONES}
    reading.audio_end_s = expected or 0.0
    reading.beeps = [(start or 0.0) + at / 48_000 for at in _onsets(audio)]


def _onsets(audio: npt.NDArray[np.int16]) -> list[int]:
    loud = np.flatnonzero(np.abs(audio.astype(np.int32)) > LOUD)
    if not len(loud):
        return []
    quiet_before = np.diff(loud, prepend=-(10**9)) > QUIET_S * 48_000
    return [int(at) for at in loud[quiet_before]]
