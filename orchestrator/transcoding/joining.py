"""Joins chunks and audio to one file: packets are copied, each with the time that it has to have.

Blocking. The chunks' frames get their times from what was decoded, not from the chunks' files: no
container in between rounds them. Decoding times are made for the whole file at once, so that they
go on over cuts.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeAlias

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.errors import EncodingFailed
from orchestrator.mediafiles.media_file import Unreadable
from orchestrator.transcoding.audio import AudioPlan
from orchestrator.transcoding.audio_copy import packets_of
from orchestrator.transcoding.chunks.record import ChunkRecord, video_path
from orchestrator.transcoding.source import Source
from orchestrator.transcoding.threads import Cancelled

_CONTAINER_OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    # The index first, so that a player can begin before it has the whole file; tags of any name;
    # edit lists that are exact to a ninety-thousandth of a second.
    "mp4": {"movflags": "+faststart+use_metadata_tags", "movie_timescale": "90000"},
    "mov": {"movflags": "+faststart+use_metadata_tags", "movie_timescale": "90000"},
    "webm": {"cues_to_front": "1"},
    "matroska": {"cues_to_front": "1"},
}

_ONE_HEADER: Final = frozenset({"h264", "hevc"})
"""Codecs whose parameters stand in the file's header, once for all chunks."""

_SETTINGS_TAG: Final = "encoder_settings"
"""How a recording's file was made (worker.process)."""

_OWN_TAGS: Final = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", _SETTINGS_TAG}
)
"""Of the old file's container and encoders."""

ONLY_S: Final = Fraction(1, 25)
"""How long a video of one frame lasts."""


@dataclass(frozen=True, slots=True)
class VideoTimes:
    """When each frame of the new file is shown: the same as in the source, from `zero` on."""

    shown: Sequence[int]
    """In order, in the source's time base."""
    time_base: Fraction
    zero: int
    looks: Mapping[str, int | Fraction]
    """Colors and the pixels' aspect, as PyAV names them."""

    @property
    def parts(self) -> int:
        """Ticks of the new file for one of the source."""
        return int(self.time_base / tick(self.time_base))

    def at(self, place: int) -> int:
        """Of a frame by its place, in the new file's ticks."""
        return (self.shown[place] - self.zero) * self.parts

    def decoded_at(self, place: int, delay: int) -> int:
        """Decoding times are the times shown, so many frames late; before the first, evenly."""
        if place >= delay:
            return self.at(place - delay)
        step = self.at(1) - self.at(0) if len(self.shown) > 1 else 1
        return self.at(0) - (delay - place) * step

    def lasts(self, place: int) -> int:
        """Until the next one; the last one as long as the one before."""
        if len(self.shown) == 1:
            return max(1, round(ONLY_S / tick(self.time_base)))
        place = min(place, len(self.shown) - 2)
        return self.at(place + 1) - self.at(place)

    def seconds(self, place: int) -> Fraction:
        """In the new file."""
        return (self.shown[place] - self.zero) * self.time_base


@dataclass(frozen=True, slots=True)
class Parts:
    """What is joined."""

    source: Source
    folder: Path
    chunks: Sequence[ChunkRecord]
    times: VideoTimes | None
    audio: Sequence[AudioPlan]
    encoded: Mapping[int, Path]
    """Files of audio tracks that were encoded, by their index in the source."""
    zero: Fraction
    """What is 0 in the new file, in seconds of the source."""


def tick(time_base: Fraction) -> Fraction:
    """The new file's clock: the source's, or a whole part of it where that is coarse."""
    parts = max(1, -(-time_base // Fraction(1, 1000)))
    return time_base / parts


_Timed: TypeAlias = "tuple[Fraction, int, Packet[Any]]"
"""When it is decoded, the stream's place (so that packets are never compared), the packet."""
_Packets: TypeAlias = "Generator[_Timed, None, None]"


def join_parts(parts: Parts, pipeline: Pipeline, output: Path, cancelled: Cancelled) -> None:
    """Writes the file; OSError, EncodingFailed. What is there of an earlier run is replaced."""
    options = dict(_CONTAINER_OPTIONS.get(pipeline.container, {}))
    try:
        with (
            av.open(str(parts.source.path.absolute()), metadata_errors="replace") as source,
            av.open(str(output), "w", format=pipeline.container, options=options) as made,
        ):
            made.metadata.update(
                {k: v for k, v in source.metadata.items() if k.lower() not in _OWN_TAGS}
            )
            made.metadata[_SETTINGS_TAG] = f"pipeline={pipeline.name} later"
            streams = _streams(parts, source, made)
            try:
                for _, _, packet in heapq.merge(*streams, key=lambda timed: timed[:2]):
                    if cancelled():
                        return
                    made.mux_one(packet)
            finally:  # at once: an error keeps alive what it came through
                for stream in streams:
                    stream.close()
    except (av.FFmpegError, Unreadable) as error:
        if isinstance(error, OSError):
            raise
        raise EncodingFailed(
            f"The chunks of {parts.source.path} can't be joined: {error}.", "The source is kept."
        ) from error


def _streams(parts: Parts, source: InputContainer, made: OutputContainer) -> list[_Packets]:
    """What goes into each stream of the new file: video first, then the audio tracks."""
    found: list[_Packets] = []
    if parts.times is not None:
        found.append(_video(parts, parts.times, made))
    for number, plan in enumerate(parts.audio, 1):
        file = parts.encoded.get(plan.track.index)
        old = source.streams[plan.track.index]
        if file is None:
            stream = _audio_stream(made, old, old)
            heard_from = plan.start if plan.without_run_up else None
            path, index, zero = parts.source.path, plan.track.index, parts.zero
            packets = packets_of(path, index, zero=zero, heard_from=heard_from)
        else:
            mixed = len(plan.tracks) > 1
            with av.open(str(file)) as encoded:
                stream = _audio_stream(made, encoded.streams.audio[0], None if mixed else old)
            packets = packets_of(file, 0, zero=Fraction(0))
        found.append(_timed(packets, stream, number))
    return found


def _timed(packets: Iterator[Packet[Any]], stream: Stream, number: int) -> _Packets:
    for packet in packets:
        packet.stream = stream
        yield (packet.dts or 0) * packet.time_base, number, packet


def _audio_stream(made: OutputContainer, template: Stream, old: Stream | None) -> Stream:
    """`old`: whose name and language it has."""
    new = made.add_stream_from_template(template, opaque=True)
    if old is not None:
        new.metadata.update({k: v for k, v in old.metadata.items() if k in ("language", "title")})
        new.disposition = old.disposition
    return new


def _video(parts: Parts, times: VideoTimes, made: OutputContainer) -> _Packets:
    """The stream is made at once, its packets when they are asked for."""
    path = video_path(parts.folder, parts.chunks[0].number)
    with av.open(str(path)) as first:
        stream: Stream = made.add_stream_from_template(first.streams.video[0], opaque=True)
        header = first.streams.video[0].codec_context.extradata
    stream.time_base = tick(times.time_base)
    # Where they don't stand in the stream (VP9 has but one of them), the container tells them.
    for name, value in times.looks.items():
        setattr(stream.codec_context, name, value)
    return _frames(parts, times, stream, header)


def _frames(parts: Parts, times: VideoTimes, stream: Stream, header: bytes | None) -> _Packets:
    delay, begun = max(record.delay for record in parts.chunks), 0
    for record in parts.chunks:
        with av.open(str(video_path(parts.folder, record.number))) as chunk:
            own = chunk.streams.video[0]
            context = own.codec_context
            if context.codec.canonical_name in _ONE_HEADER and context.extradata != header:
                raise EncodingFailed(
                    f"Chunk {record.number} has another header than the first.",
                    "The source is kept; try another pipeline.",
                )
            packets: list[Packet[Any]] = [p for p in chunk.demux(own) if p.size]
            order = sorted(range(len(packets)), key=lambda n: packets[n].pts or 0)
            ranks = {n: rank for rank, n in enumerate(order)}
            for number, packet in enumerate(packets):
                place = begun + ranks[number]
                packet.stream, packet.time_base = stream, tick(times.time_base)
                packet.pts = times.at(place)
                packet.dts = times.decoded_at(begun + number, delay)
                packet.duration = times.lasts(place)
                yield packet.dts * packet.time_base, 0, packet
        begun += len(record.times)
