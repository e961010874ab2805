"""Reads a media file once, from its beginning to its end, and measures what passes.

Blocking. Memory doesn't grow with the file's length, but for the index that libavformat reads of an
MP4.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from orchestrator.errors import InvalidRequest
from orchestrator.mediafiles.inspect.audio_meter import AudioMeter
from orchestrator.mediafiles.inspect.packets import PacketCount, Zero
from orchestrator.mediafiles.inspect.report import AudioReport, Inspection, OtherStream, VideoReport
from orchestrator.mediafiles.inspect.video_meter import VideoMeter
from orchestrator.mediafiles.media_file import Unreadable, nanoseconds, opened, seconds, words

SHORT_S: Final = 0.5
"""A file that ends so much before what its header says was cut off."""

STATED: Final = frozenset(("mov", "matroska", "webm", "flv", "avi", "nut"))
"""Containers that carry their duration; that of others ffmpeg may guess from the bit rate."""

EVERY_PACKETS: Final = 100

OnProgress = Callable[[float], None]
"""Called now and then with how much of the file has been read, 0 to 1."""

_MICROSECONDS: Final = Fraction(1, av.time_base)


def inspect(
    path: Path, *, decode: bool = True, on_progress: OnProgress | None = None
) -> Inspection:
    """Measures the file at `path`; without `decode` only its packets are looked at.

    Raises InvalidRequest if it is missing, empty, a folder, or nothing that ffmpeg reads. What goes
    wrong later is in the report: `error` says why it wasn't read to its end.
    """
    try:
        with opened(path) as (container, size_bytes):
            reading = _Reading(container, size_bytes, decode=decode)
            reading.read(on_progress or _ignore)
            return reading.report(path)
    except Unreadable as error:
        raise InvalidRequest(f"{path} {error.problem}.", error.advice) from error


def _ignore(done: float) -> None:
    """Nobody wants to know."""


class _OtherMeter:
    """Counts the packets of what is neither video nor audio, or can't be decoded here."""

    def __init__(self, stream: Stream) -> None:
        self.packets = PacketCount(stream)
        self._stream = stream

    def packet(self, packet: Packet[Stream]) -> None:
        self.packets.add(packet)

    def finish(self) -> OtherStream:
        context = self._stream.codec_context
        return OtherStream(
            index=self._stream.index,
            kind=self._stream.type,
            # The stubs promise one; there is none where ffmpeg has no decoder.
            codec=context.codec.canonical_name if context else None,
            packets=self.packets.packets,
            tags=dict(self._stream.metadata),
        )


class _Reading:
    """One pass over an open file."""

    def __init__(self, container: InputContainer, size_bytes: int, *, decode: bool) -> None:
        self._container = container
        self._size_bytes = size_bytes
        self._decode = decode
        self._zero = Zero(_begin_ns(container))
        self._meters = [self._meter(stream) for stream in container.streams]
        self._error: str | None = None

    def _meter(self, stream: Stream) -> VideoMeter | AudioMeter | _OtherMeter:
        cover = stream.disposition & Disposition.attached_pic
        if stream.codec_context is None or cover:
            return _OtherMeter(stream)
        if isinstance(stream, VideoStream):
            # On several cores by slices, PyAV's default. By frames an error would come with a later
            # packet, and at the end take frames that are whole with it.
            return VideoMeter(stream, self._zero, decode=self._decode)
        if isinstance(stream, AudioStream):
            return AudioMeter(stream, self._zero, decode=self._decode)
        return _OtherMeter(stream)

    def read(self, on_progress: OnProgress) -> None:
        """Takes in the file up to its end, or to where it can't be read any more."""
        for number, packet in enumerate(self._packets()):
            self._meters[packet.stream.index].packet(packet)
            if number % EVERY_PACKETS == 0 and packet.pos is not None:
                on_progress(min(1.0, packet.pos / self._size_bytes))

    def _packets(self) -> Iterator[Packet[Stream]]:
        try:
            yield from self._container.demux()
        except (av.FFmpegError, OSError) as error:
            self._error = f"It can't be read beyond {self._reached_s():.1f} s: {words(error)}."
        except IndexError:
            # How PyAV 18 may end, all streams it knows read, where one more has appeared.
            self._error = "It has a stream that only appears within it, and can't be looked at."
        else:
            self._error = self._cut_short()

    def _cut_short(self) -> str | None:
        stated_s, reached_s = self._stated_s(), self._reached_s()
        formats = set(self._container.format.name.split(","))
        if stated_s is None or not formats & STATED or stated_s - reached_s < SHORT_S:
            return None
        return f"It is cut off at {reached_s:.1f} s of the {stated_s:.1f} s that its header states."

    def _stated_s(self) -> float | None:
        return seconds(self._container.duration, _MICROSECONDS)

    def _reached_s(self) -> float:
        ends_s = [self._zero.seconds(meter.packets.end_ns) for meter in self._meters]
        return max((end_s for end_s in ends_s if end_s is not None), default=0.0)

    def report(self, path: Path) -> Inspection:
        """What was measured."""
        reports = [meter.finish() for meter in self._meters]
        video = tuple(one for one in reports if isinstance(one, VideoReport))
        audio = tuple(one for one in reports if isinstance(one, AudioReport))
        lasts_s = _length_s([*video, *audio])
        first = (video[0], audio[0]) if video and audio else None
        return Inspection(
            path=os.fsencode(path).decode("utf-8", "replace"),
            size_bytes=self._size_bytes,
            container=self._container.format.name,
            duration_s=self._stated_s(),
            measured_duration_s=lasts_s,
            bitrate_bps=self._size_bytes * 8 / lasts_s if lasts_s else None,
            tags=dict(self._container.metadata),
            decoded=self._decode,
            error=self._error,
            video=video,
            audio=audio,
            other=tuple(one for one in reports if isinstance(one, OtherStream)),
            start_offset_s=first and _difference(first[1].start_s, first[0].start_s),
            end_offset_s=first and _difference(first[1].end_s, first[0].end_s),
        )


def _begin_ns(container: InputContainer) -> int:
    """The time of the first frame or audio, which is what players call the beginning."""
    streams = [*container.streams.video, *container.streams.audio]
    said = (nanoseconds(stream.start_time, stream.time_base) for stream in streams)
    return min((begin_ns for begin_ns in said if begin_ns is not None), default=0)


def _length_s(streams: list[VideoReport | AudioReport]) -> float | None:
    starts_s = [one.start_s for one in streams if one.start_s is not None]
    ends_s = [one.end_s for one in streams if one.end_s is not None]
    return max(ends_s) - min(starts_s) if starts_s and ends_s else None


def _difference(later_s: float | None, earlier_s: float | None) -> float | None:
    if later_s is None or earlier_s is None:
        return None
    return round(later_s - earlier_s, 9)
