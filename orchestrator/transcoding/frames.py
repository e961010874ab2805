"""The frames of a file's video, as far as its packets and keyframes tell. Blocking."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from orchestrator.errors import SourceDamaged
from orchestrator.mediafiles.media_file import Unreadable, opened, words
from orchestrator.transcoding.source import Source, VideoTrack
from orchestrator.transcoding.threads import Cancelled

SHORT_S: Final = 1.0
"""A file that ends so much before what its header says was cut off."""

STATED: Final = frozenset(("mov", "matroska", "webm", "flv", "avi", "nut"))
"""Containers that carry their duration; that of others ffmpeg may guess from the bit rate."""

EVERY_PACKETS: Final = 500
COLORS: Final = ("color_range", "color_primaries", "color_trc", "colorspace")

OnRead = Callable[[float], None]
"""Called now and then with how far the file has been read, in seconds."""


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A frame of the video at which decoding can begin."""

    pts: int
    width: int | None = None
    height: int | None = None
    """As it is shown (turned, if the file says so); None where it wasn't decoded."""


@dataclass(frozen=True, slots=True)
class Frames:
    """All frames of the video, as far as packets tell."""

    times: array[int]
    """When each is shown, in order; empty if the file doesn't say it."""
    keyframes: tuple[KeyFrame, ...]
    pixel_format: str
    """Of the first."""
    rgb: bool
    deep: bool
    """More than 8 bits in a sample."""
    colors: dict[str, int]
    """How the first is to be read, by PyAV's names and ITU-T H.273's numbers."""
    end_s: float
    """Of the file, by all its packets."""


def read_frames(source: Source, on_read: OnRead, cancelled: Cancelled) -> Frames:
    """Reads all packets, and decodes keyframes to see their sizes.

    When `cancelled` says so it ends early, and what it returns is of no use.

    SourceDamaged if the file can't be read to its end, or is cut off.
    """
    assert source.video is not None
    reading = _Reading(source, source.video)
    try:
        with opened(source.path) as (container, _):
            reading.read(container, on_read, cancelled)
    except (Unreadable, OSError, av.FFmpegError) as error:
        why = error.problem if isinstance(error, Unreadable) else words(error)
        raise SourceDamaged(source.path, reading.end_s, f"it can't be read on: {why}") from error
    if cancelled():
        return reading.frames()
    stated = source.duration_s if not STATED.isdisjoint(source.container.split(",")) else None
    if stated is not None and reading.length_s < stated - SHORT_S:
        problem = f"it is cut off: its header says that it has {stated:.1f} s"
        raise SourceDamaged(source.path, reading.end_s, problem)
    return reading.frames()


class _Reading:
    """One pass over the packets."""

    def __init__(self, source: Source, video: VideoTrack) -> None:
        self._path, self._video = source.path, video
        self._times: array[int] = array("q")
        self._keys: array[int] = array("q")
        self._timed = True
        self._first: VideoFrame | None = None
        self._sizes: dict[int, tuple[int, int]] = {}
        self._start_s: float | None = None
        self.end_s = 0.0

    @property
    def length_s(self) -> float:
        """Between the first and the last packet's end."""
        return self.end_s - (self._start_s or 0.0)

    def read(self, container: InputContainer, on_read: OnRead, cancelled: Cancelled) -> None:
        stream = container.streams[self._video.index]
        assert isinstance(stream, VideoStream)
        # With frames in several threads, a damaged one takes others with it.
        stream.thread_type = ThreadType.SLICE
        for number, packet in enumerate(container.demux()):
            if packet.size:
                self._pass(packet)
                if packet.stream_index == self._video.index:
                    self._take(packet, stream)
            if number % EVERY_PACKETS == 0:
                if cancelled():
                    return
                on_read(self.end_s)
        if self._first is None or self._decodes_keys():
            self._look_at(None, stream)

    def frames(self) -> Frames:
        if self._first is None:
            raise SourceDamaged(self._path, 0.0, "no keyframe of its video can be decoded")
        format = self._first.format
        return Frames(
            times=array("q", sorted(self._times)) if self._timed else array("q"),
            keyframes=tuple(self._keyframes()) if self._timed else (),
            pixel_format=format.name,
            rgb=format.is_rgb,
            deep=any(component.bits > 8 for component in format.components),
            colors=_colors(self._first),
            end_s=self.length_s,
        )

    def _pass(self, packet: Packet[Stream]) -> None:
        at = packet.pts if packet.pts is not None else packet.dts
        if at is None:
            return
        begin_s = float(at * packet.time_base)
        self._start_s = begin_s if self._start_s is None else min(self._start_s, begin_s)
        self.end_s = max(self.end_s, begin_s + float((packet.duration or 0) * packet.time_base))

    def _take(self, packet: Packet[Stream], stream: VideoStream) -> None:
        if packet.pts is None:
            self._timed = False
        elif not packet.is_discard:  # else an edit list hides it
            self._times.append(packet.pts)
            if packet.is_keyframe:
                self._keys.append(packet.pts)
        if packet.is_keyframe and (self._first is None or self._decodes_keys()):
            self._look_at(packet, stream)

    def _look_at(self, packet: Packet[Stream] | None, stream: VideoStream) -> None:
        # Damage that matters is found in encoding, which says where it is.
        with suppress(av.InvalidDataError):
            self._keep(stream.codec_context.decode(packet))

    def _decodes_keys(self) -> bool:
        """Not where each frame is one: sizes rarely change there, and it takes long."""
        return 4 * len(self._keys) < max(len(self._times), 40)

    def _keep(self, frames: list[VideoFrame]) -> None:
        for frame in frames:
            self._first = self._first or frame
            turned = frame.rotation % 180 != 0
            size = (frame.height, frame.width) if turned else (frame.width, frame.height)
            if frame.pts is not None:
                self._sizes[frame.pts] = size

    def _keyframes(self) -> Iterator[KeyFrame]:
        for pts in sorted(self._keys):
            yield KeyFrame(pts, *self._sizes.get(pts, (None, None)))


def _colors(frame: VideoFrame) -> dict[str, int]:
    found = {name: int(getattr(frame, name)) for name in COLORS}
    # RGB becomes YUV of BT.709 in limited range (chunks.command).
    return found | ({"color_range": 1, "colorspace": 1} if frame.format.is_rgb else {})
