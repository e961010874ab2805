"""Probes a finished file as a player would: what it holds, and whether it plays.

Times are seconds, sizes bytes. A bad file raises nothing: `problem` says what is wrong.
However long the file is, only its header, its first and its last second are read, unless frames are
to be counted.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final, TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from orchestrator.mediafiles.media_file import Unreadable, first_s, name_of, opened, own_s, seconds
from orchestrator.mediafiles.playback import problem_of

LIMIT_S: Final = 20.0
"""Longest time spent on one file; what isn't read by then is unknown."""

PATIENT_S: Final = 3600.0
"""The same for whoever is patient."""

_Stream = VideoStream | AudioStream
_AnyStream = TypeVar("_AnyStream", VideoStream, AudioStream)


@dataclass(frozen=True, slots=True)
class VideoProbe:
    """The file's video; None where the file doesn't say."""

    codec: str
    width: int
    height: int
    frames: int | None
    average_fps: float | None


@dataclass(frozen=True, slots=True)
class AudioProbe:
    """The file's audio."""

    codec: str
    sample_rate: int
    channels: int
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class TrackProbe:
    """One of its tracks of video or audio."""

    kind: str
    codec: str
    name: str
    """As the file has it; "" without one."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file holds. `playable` when all its streams decode at both ends.

    `video` and `audio` are the first ones, `tracks` are all.
    """

    container: str | None
    duration_s: float | None
    size_bytes: int
    video: VideoProbe | None
    audio: AudioProbe | None
    tags: dict[str, str] = field(default_factory=dict)
    playable: bool = False
    problem: str | None = None
    tracks: tuple[TrackProbe, ...] = ()


def probe(path: Path, *, count_frames: bool = False, patient: bool = False) -> Probe:
    """Reads the file at `path`. Blocking. `count_frames` reads all of it to count the frames.

    `patient`: for a process that only works while nothing else does, and may have to wait.
    """
    limit_s = PATIENT_S if patient else LIMIT_S
    try:
        with opened(path) as (container, size_bytes):
            deadline = time.monotonic() + limit_s
            return _examine(container, path, size_bytes, count_frames, deadline)
    except Unreadable as error:
        problem = f"The file {error.problem}."
        return Probe(None, None, error.size_bytes, None, None, problem=problem)


def holds_media(path: Path) -> bool:
    """Whether its header tells of video or audio. Blocking; nothing is decoded."""
    try:
        with opened(path) as (container, _):
            both = _known(container.streams.video), _known(container.streams.audio)
            return both != (None, None)
    except Unreadable:
        return False


def holds_packets(path: Path) -> bool:
    """Whether anything of video or audio is in it. Blocking; nothing is decoded."""
    try:
        with opened(path) as (container, _):
            return any(packet.size for packet in container.demux())
    except (Unreadable, OSError, av.FFmpegError):
        return False


def _examine(
    container: InputContainer, path: Path, size_bytes: int, count_frames: bool, deadline: float
) -> Probe:
    video, audio = _known(container.streams.video), _known(container.streams.audio)
    duration_s = _duration_s(container, deadline)
    streams: list[_Stream] = [
        *_all_known(container.streams.video),
        *_all_known(container.streams.audio),
    ]
    problem = problem_of(container, path, streams, duration_s or 0.0, deadline)
    counted = _count(path, deadline) if count_frames and video is not None else None
    return Probe(
        container=container.format.name,
        duration_s=duration_s,
        size_bytes=size_bytes,
        video=None if video is None else _video(video, counted),
        audio=None if audio is None else _audio(audio, duration_s),
        tags=dict(container.metadata),
        playable=problem is None,
        problem=problem,
        tracks=tuple(map(_track, streams)),
    )


def _known(streams: Sequence[_AnyStream]) -> _AnyStream | None:
    """The first of a codec that there is a decoder for; a header that was cut names none."""
    return next(iter(_all_known(streams)), None)


def _all_known(streams: Sequence[_AnyStream]) -> list[_AnyStream]:
    # Typed as always there, and None where FFmpeg has no decoder (PyAV, av/stream.py).
    return [each for each in streams if each.codec_context is not None]


def _track(stream: _Stream) -> TrackProbe:
    codec = stream.codec_context.codec.canonical_name
    return TrackProbe(stream.type, codec, name_of(stream.metadata))


def _video(stream: VideoStream, counted: int | None) -> VideoProbe:
    context = stream.codec_context
    return VideoProbe(
        codec=context.codec.canonical_name,
        width=context.width,
        height=context.height,
        frames=counted if counted is not None else stream.frames or None,
        average_fps=float(stream.average_rate) if stream.average_rate else None,
    )


def _audio(stream: AudioStream, whole_s: float | None) -> AudioProbe:
    context = stream.codec_context
    own = own_s(stream)
    alone_s = whole_s if first_s(stream) is not None else None
    return AudioProbe(
        codec=context.codec.canonical_name,
        sample_rate=context.sample_rate,
        channels=context.channels,
        duration_s=own if own is not None else alone_s,
    )


def _duration_s(container: InputContainer, deadline: float) -> float | None:
    """What the header says; a file that was cut short may not say it, so it is walked through."""
    stated = seconds(container.duration, Fraction(1, av.time_base))
    if stated is not None:
        return stated
    last_s = None
    for packet in container.demux():
        if packet.pts is not None:
            end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            last_s = end_s if last_s is None else max(last_s, end_s)
        if time.monotonic() > deadline:
            return None
    return last_s


def _count(path: Path, deadline: float) -> int | None:
    """Frames in the file, counted by packet; None if there is no time to read all of it."""
    frames = 0
    with av.open(str(path), metadata_errors="replace") as container:
        for packet in container.demux(video=0):
            frames += packet.size > 0
            if time.monotonic() > deadline:
                return None
    return frames
