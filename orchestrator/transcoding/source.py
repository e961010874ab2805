"""What the file to encode is: its streams, by their headers. Blocking."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from orchestrator.errors import InvalidRequest
from orchestrator.mediafiles.media_file import Unreadable, opened

RECORDING_TAG: Final = "recording_id"
"""What every recording's file has among its tags (worker.process)."""


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One audio track, by its header."""

    index: int
    """Among all streams of the file."""
    codec: str
    time_base: Fraction
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """The video, by its header."""

    index: int
    codec: str
    time_base: Fraction
    guessed_fps: float | None
    """What ffmpeg takes for its rate."""
    aspect: Fraction
    """Of a pixel, width by height."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file, by its headers."""

    path: Path
    size_bytes: int
    duration_s: float | None
    video: VideoTrack | None
    audio: tuple[AudioTrack, ...]
    left_out: tuple[str, ...]
    """Streams that are not encoded: subtitles, attachments, further videos."""
    container: str
    """ffmpeg's names of its demuxer."""
    recorded: bool
    """We recorded it: its audio tracks are publications of one room, to be heard together."""
    videos_left_out: tuple[str, ...]
    """The further videos among those."""

    @property
    def demuxer(self) -> str:
        """Told to ffmpeg, so that it doesn't take the file for something else."""
        return self.container.partition(",")[0]


def read_source(path: Path) -> Source:
    """The headers; InvalidRequest for what isn't a media file with video or audio."""
    try:
        with opened(path) as (container, size_bytes):
            return _source(path, container, size_bytes)
    except Unreadable as error:
        raise InvalidRequest(f"{path} {error.problem}.", error.advice) from error


def _source(path: Path, container: InputContainer, size_bytes: int) -> Source:
    video, audio = _video_of(container), _audio_of(container)
    if video is None and not audio:
        raise InvalidRequest(
            f"{path} holds neither video nor audio that can be decoded.",
            "Give a file that ffmpeg plays.",
        )
    kept = {stream.index for stream in (video, *audio) if stream is not None}
    further = [stream for stream in _moving(container) if stream.index not in kept]
    stated = container.duration
    return Source(
        path=path,
        size_bytes=size_bytes,
        duration_s=None if stated is None else stated / av.time_base,
        video=None if video is None else _video_track(video),
        audio=tuple(_audio_track(stream) for stream in audio),
        left_out=tuple(_name(s) for s in container.streams if s.index not in kept),
        container=container.format.name,
        recorded=any(name.lower() == RECORDING_TAG for name in container.metadata),
        videos_left_out=tuple(_name(stream) for stream in further),
    )


def _moving(container: InputContainer) -> list[VideoStream]:
    """Videos that can be decoded; a cover image is none."""
    moving = (s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
    return [stream for stream in moving if stream.codec_context is not None]


def _video_of(container: InputContainer) -> VideoStream | None:
    """The first that is marked as default, else the first."""
    moving = _moving(container)
    default = (stream for stream in moving if stream.disposition & Disposition.default)
    return next(default, moving[0] if moving else None)


def _audio_of(container: InputContainer) -> list[AudioStream]:
    # Typed as always there, and None where FFmpeg has no decoder (PyAV, av/stream.py).
    return [s for s in container.streams.audio if s.codec_context is not None]


def _video_track(stream: VideoStream) -> VideoTrack:
    rate = stream.guessed_rate
    return VideoTrack(
        index=stream.index,
        codec=stream.codec_context.codec.canonical_name,
        time_base=_clock(stream),
        guessed_fps=float(rate) if rate else None,
        aspect=stream.sample_aspect_ratio or Fraction(1),
    )


def _audio_track(stream: AudioStream) -> AudioTrack:
    return AudioTrack(
        index=stream.index,
        codec=stream.codec_context.codec.canonical_name,
        time_base=_clock(stream),
        sample_rate=stream.codec_context.sample_rate,
        channels=stream.codec_context.channels,
    )


def _clock(stream: Stream) -> Fraction:
    assert stream.time_base is not None, "libavformat gives every stream a clock"
    return stream.time_base


def _name(stream: Stream) -> str:
    """Its kind, codec, and its own name if it has one: `video vp8 (alice camera)`."""
    context, title = stream.codec_context, stream.metadata.get("title")
    kind = f"{stream.type} {context.name}" if context is not None else stream.type
    return f"{kind} ({title})" if title else kind
