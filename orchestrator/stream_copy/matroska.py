"""Matroska and WebM as `PacketMuxer` writes them: header, clusters of blocks, index. Pure.

Elements and their identifiers: RFC 9559. WebM is the same with fewer codecs. Times count
milliseconds, the format's default.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator.media import AUDIO_CHANNELS, AUDIO_RATE, TrackKind
from orchestrator.stream_copy.ebml import (
    UNKNOWN_SIZE,
    element,
    floating,
    identified,
    size,
    text,
    unsigned,
    void,
)
from orchestrator.stream_copy.pcm import PCM_RATES
from orchestrator.stream_copy.track import Track

SEGMENT, CLUSTER = 0x18538067, 0x1F43B675
_SEEK_HEAD, _INFO, _TRACKS, _TAGS, _CUES = (
    0x114D9B74,
    0x1549A966,
    0x1654AE6B,
    0x1254C367,
    0x1C53BB6B,
)
_DURATION: Final = 0x4489
_TICK_NS: Final = 1_000_000

CODEC_IDS: Final = {
    "vp8": "V_VP8",
    "vp9": "V_VP9",
    "av1": "V_AV1",
    "h264": "V_MPEG4/ISO/AVC",
    "h265": "V_MPEGH/ISO/HEVC",
    "opus": "A_OPUS",
    "aac": "A_AAC",
    "mp3": "A_MPEG/L3",
    "mp2": "A_MPEG/L2",
    "ac3": "A_AC3",
    "eac3": "A_EAC3",
    "pcmu": "A_PCM/INT/LIT",
    "pcma": "A_PCM/INT/LIT",
    "g722": "A_PCM/INT/LIT",
}

OPUS_HEAD: Final = struct.pack("<8sBBHIhB", b"OpusHead", 1, AUDIO_CHANNELS, 0, AUDIO_RATE, 0, 0)
"""RFC 7845 §5.1. No pre-skip: what would be skipped is an encoder's run-up, and the first packet of
a recording is one out of the middle of a call. With libopus's 312 samples each file would lose
6.5 ms of audio at its beginning."""

_OPUS_SEEK_PRE_ROLL_NS: Final = 80_000_000
"""A decoder that begins anywhere is right after so long (RFC 7845 §4.6)."""

_SEEK_HEAD_BYTES: Final = 96
_TRACKS_BYTES: Final = 32_768
"""Kept for tracks that come later: a hundred."""
_VOID_DURATION: Final = void(len(floating(_DURATION, 0.0)))

KEYFRAME: Final = 0x80
_SIMPLE_BLOCK: Final = 0xA3
BLOCK_SPAN_MS: Final = 0x7FFF
"""Largest distance of a block from its cluster's beginning."""


@dataclass(frozen=True, slots=True)
class TrackEntry:
    """A track in the header."""

    track: Track
    number: int
    """In its blocks; from 1 on."""
    private: bytes
    """What its decoder needs, as Matroska has it (avcC and so on)."""
    width: int = 0
    height: int = 0
    rate: int = AUDIO_RATE
    """Samples of audio per second."""
    channels: int = AUDIO_CHANNELS
    default: bool = False
    """Whether players choose it when nobody says which."""


@dataclass(frozen=True, slots=True)
class Header:
    """A file's beginning, and where in it something is written when the file is closed."""

    data: bytes
    segment_at: int
    """Positions in the index count from here."""
    duration_at: int
    seek_head_at: int
    tracks_at: int
    places: Mapping[int, int]
    """Position in the segment of each element of the first level."""


def header(container: str, entries: Sequence[TrackEntry], tags: Mapping[str, str]) -> Header:
    """All that stands before the first cluster; `container` as in SegmentContainer."""
    start = _ebml(container) + identified(SEGMENT) + UNKNOWN_SIZE
    info = _info(tags)
    parts = ((_INFO, info), (_TRACKS, tracks(entries)), (_TAGS, _tags(tags)))
    places, at = {}, _SEEK_HEAD_BYTES
    for identifier, part in parts:
        if part:
            places[identifier] = at
        at += len(part)
    data = b"".join((start, void(_SEEK_HEAD_BYTES), *(part for _, part in parts)))
    tracks_at = len(start) + _SEEK_HEAD_BYTES + len(info)
    duration_at = tracks_at - len(_VOID_DURATION)
    return Header(data, len(start), duration_at, len(start), tracks_at, places)


def tracks(entries: Sequence[TrackEntry]) -> bytes:
    """The list of tracks, always as long: it is written again when one is added.

    ValueError if they are too many.
    """
    listed = element(_TRACKS, *(_entry(entry) for entry in entries))
    if len(listed) > _TRACKS_BYTES - 2:
        raise ValueError(f"{len(entries)} tracks don't fit into one file")
    return listed + void(_TRACKS_BYTES - len(listed))


def seek_head(header: Header, cues_at: int | None) -> bytes:
    """Where what is; `cues_at`: position of the index in the segment. As long as its place."""
    places = {**header.places, **({} if cues_at is None else {_CUES: cues_at})}
    seeks = (
        element(0x4DBB, element(0x53AB, identified(each)), unsigned(0x53AC, at))
        for each, at in places.items()
    )
    written = element(_SEEK_HEAD, *seeks)
    return written + void(_SEEK_HEAD_BYTES - len(written))


def duration(length_ms: int) -> bytes:
    """For its place in the header."""
    return floating(_DURATION, float(length_ms))


def cluster_head(time_ms: int) -> bytes:
    """A cluster's beginning; its size is the eight bytes behind the identifier."""
    return identified(CLUSTER) + UNKNOWN_SIZE + unsigned(0xE7, time_ms)


def block_head(number: int, distance_ms: int, flags: int, length: int) -> bytes:
    """What stands before `length` bytes of a frame of the track with this number, from 1 on."""
    head = size(number) + struct.pack(">hB", distance_ms, flags)
    return bytes((_SIMPLE_BLOCK,)) + size(len(head) + length) + head


def cue_point(time_ms: int, number: int, cluster_at: int, block_at: int) -> bytes:
    """One place to seek to: `cluster_at` in the segment, `block_at` in the cluster's content."""
    places = unsigned(0xF7, number), unsigned(0xF1, cluster_at), unsigned(0xF0, block_at)
    return element(0xBB, unsigned(0xB3, time_ms), element(0xB7, *places))


def cues(points: bytes) -> bytes:
    """The index, of all cue points."""
    return element(_CUES, points)


def _ebml(container: str) -> bytes:
    return element(
        0x1A45DFA3,
        unsigned(0x4286, 1),
        unsigned(0x42F7, 1),
        unsigned(0x42F2, 4),
        unsigned(0x42F3, 8),
        text(0x4282, container),
        unsigned(0x4287, 4),
        unsigned(0x4285, 2),
    )


def _info(tags: Mapping[str, str]) -> bytes:
    """The duration's place is its end."""
    title = next((words for name, words in tags.items() if name.lower() == "title"), "")
    return element(
        _INFO,
        unsigned(0x2AD7B1, _TICK_NS),
        text(0x7BA9, title) if title else b"",
        text(0x4D80, "Haven Recorder"),
        text(0x5741, "Haven Recorder"),
        _VOID_DURATION,
    )


def _tags(tags: Mapping[str, str]) -> bytes:
    """All but the title; names in capitals, as Matroska's own are."""
    rest = {name.upper(): words for name, words in tags.items() if name.lower() != "title"}
    if not rest:
        return b""
    simple = (
        element(0x67C8, text(0x45A3, name), text(0x4487, words)) for name, words in rest.items()
    )
    return element(_TAGS, element(0x7373, element(0x63C0), *simple))


def _entry(entry: TrackEntry) -> bytes:
    track, number = entry.track, entry.number
    is_video = track.kind is TrackKind.VIDEO
    return element(
        0xAE,
        unsigned(0xD7, number),
        unsigned(0x73C5, number),
        unsigned(0x83, 1 if is_video else 2),
        unsigned(0x88, entry.default),
        unsigned(0x9C, 0),
        text(0x536E, track.name),
        text(0x22B59C, "und"),
        text(0x86, CODEC_IDS[track.codec]),
        element(0x63A2, entry.private) if entry.private else b"",
        unsigned(0x56BB, _OPUS_SEEK_PRE_ROLL_NS) if track.codec == "opus" else b"",
        _video(entry) if is_video else _audio(entry),
    )


def _video(entry: TrackEntry) -> bytes:
    return element(0xE0, unsigned(0xB0, entry.width), unsigned(0xBA, entry.height))


def _audio(entry: TrackEntry) -> bytes:
    rate = PCM_RATES.get(entry.track.codec)
    if rate is None:
        return element(0xE1, floating(0xB5, entry.rate), unsigned(0x9F, entry.channels))
    return element(0xE1, floating(0xB5, rate), unsigned(0x9F, 1), unsigned(0x6264, 16))
