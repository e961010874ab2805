"""Whether a file plays: all its tracks are decoded at both ends.

However long the file is, only the first and the last second of each track are read, where the file
says where that is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from orchestrator.mediafiles.media_file import first_s, own_s, words

SPAN_S: Final = 1.0
"""How much of the beginning and of the end is decoded."""

_Stream = VideoStream | AudioStream


def problem_of(
    container: InputContainer,
    path: Path,
    streams: Sequence[_Stream],
    duration_s: float,
    deadline: float,
) -> str | None:
    """Why the file doesn't play, None if it does."""
    if not streams:
        return "The file has neither video nor audio."
    reached = False
    for stream in streams:
        for where, look in (("beginning", _beginning), ("end", _end)):
            try:
                found = look(container, path, stream, duration_s, deadline)
            except (av.FFmpegError, OSError) as error:
                return f"The {stream.type} at the file's {where} can't be decoded: {words(error)}."
            expected = found.packets or where == "beginning" or _is_exact(stream)
            if expected and not found.frames and found.complete:
                return _nothing(stream, where)
            reached = reached or (where == "end" and found.frames > 0)
    # A track may stop before the file does, in a container that doesn't tell when.
    return None if reached or time.monotonic() > deadline else _nothing(streams[0], "end")


def _is_exact(stream: _Stream) -> bool:
    """Whether a track's end can be found: Matroska says where keyframes of video are, no more."""
    return stream.duration is not None and "matroska" not in stream.container.format.name


def _nothing(stream: _Stream, where: str) -> str:
    return f"The file has no {stream.type} that can be decoded at its {where}."


@dataclass(frozen=True, slots=True)
class _Found:
    """What of a stream is in a part of the file."""

    packets: int
    frames: int
    complete: bool
    """Whether all of that part was read."""


def _beginning(
    container: InputContainer, path: Path, stream: _Stream, duration_s: float, deadline: float
) -> _Found:
    """Of the stream's first second."""
    begins_s = first_s(stream)
    if begins_s is None and _others_before(container, stream):
        # It begins beyond what libavformat looked at; all before it would have to be read.
        return _Found(0, 0, complete=False)
    start_s = begins_s or 0.0
    if start_s > SPAN_S:
        container.seek(int(start_s * av.time_base), backward=True)
        found = _decoded(container, stream, start_s + SPAN_S, deadline)
        if found.packets:
            return found
    # Matroska can't be sought in before the first keyframe of its video.
    with av.open(str(path.absolute()), metadata_errors="replace") as fresh:
        return _decoded(fresh, fresh.streams[stream.index], start_s + SPAN_S, deadline)


def _end(
    container: InputContainer, path: Path, stream: _Stream, duration_s: float, deadline: float
) -> _Found:
    """Of the stream's last second, or the file's where it doesn't say when the stream ends."""
    begins_s, lasts_s = first_s(stream) or 0.0, own_s(stream)
    ends_s = duration_s if lasts_s is None else begins_s + lasts_s
    container.seek(int(max(begins_s, ends_s - SPAN_S) * av.time_base), backward=True)
    # There the first video has a keyframe, and others have theirs elsewhere.
    from_keyframe = isinstance(stream, VideoStream) and _others_before(container, stream)
    return _decoded(container, stream, math.inf, deadline, from_keyframe=from_keyframe)


def _decoded(
    container: InputContainer,
    stream: Stream,
    stop_s: float,
    deadline: float,
    *,
    from_keyframe: bool = False,
) -> _Found:
    """From here, or from the next keyframe on, up to a moment."""
    packets = frames = 0
    for packet in container.demux(stream):
        if from_keyframe and not packet.is_keyframe:
            continue
        from_keyframe = False
        packets += packet.size > 0
        for frame in packet.decode():
            frames += 1
            if (getattr(frame, "time", None) or 0.0) >= stop_s:
                return _Found(packets, frames, complete=True)
        if time.monotonic() > deadline:
            return _Found(packets, frames, complete=False)
    return _Found(packets, frames, complete=True)


def _others_before(container: InputContainer, stream: _Stream) -> bool:
    """Whether it isn't the first of its kind."""
    return any(s.type == stream.type and s.index < stream.index for s in container.streams)
