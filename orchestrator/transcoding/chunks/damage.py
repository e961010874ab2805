"""Looks for damage in a stretch of the source, where ffmpeg complained or frames are missing.

Blocking: the stretch is decoded once more, by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import av
from av.packet import Packet
from av.video.stream import VideoStream

from orchestrator.errors import SourceDamaged
from orchestrator.mediafiles.media_file import words
from orchestrator.transcoding.chunks.plan import Chunk
from orchestrator.transcoding.source import VideoTrack

Problem = tuple[int, str]
"""When the frame is shown, and what is wrong."""


def refuse_damage(path: Path, video: VideoTrack, chunk: Chunk) -> None:
    """SourceDamaged with the first frame of the chunk that doesn't decode, or not without error."""
    try:
        found = _first_problem(path, video, chunk, "AUTO")
        if found is not None:
            # With frames in several threads it isn't sure which packet was at fault.
            found = _first_problem(path, video, chunk, "SLICE") or found
    except (OSError, av.FFmpegError) as error:
        found = (chunk.start or 0, f"it can't be read ({words(error)})")
    if found is not None:
        raise SourceDamaged(path, float(found[0] * video.time_base), found[1])


def _first_problem(
    path: Path, video: VideoTrack, chunk: Chunk, threads: Literal["AUTO", "SLICE"]
) -> Problem | None:
    with av.open(str(path.absolute()), metadata_errors="replace") as container:
        stream = container.streams[video.index]
        assert isinstance(stream, VideoStream)
        stream.thread_type = threads
        if chunk.run_in:
            container.seek(chunk.run_in[0], stream=stream, backward=True)
        return min(_problems(container.demux(stream), stream, chunk), default=None)


def _problems(
    packets: Iterator[Packet[VideoStream]], stream: VideoStream, chunk: Chunk
) -> Iterator[Problem]:
    """All of them. Frames come in the order in which they are shown, packets don't."""
    for packet in packets:
        try:
            frames = stream.decode(packet)
        except av.FFmpegError as error:
            if packet.pts is not None and chunk.shows(packet.pts):
                yield packet.pts, f"a frame can't be decoded ({words(error)})"
            continue
        for frame in frames:
            if frame.pts is None:
                continue
            if chunk.end is not None and frame.pts >= chunk.end:
                return
            if frame.is_corrupt and chunk.shows(frame.pts):
                yield frame.pts, "a frame only decodes in part"
