"""Elements of Matroska and WebM (RFC 8794, RFC 9559), parsed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from orchestrator.fragments.fragment import NotFragmented

EBML, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
INFO, TRACKS, CUES = 0x1549A966, 0x1654AE6B, 0x1C53BB6B
TIME, SIMPLE_BLOCK, BLOCK_GROUP, BLOCK = 0xE7, 0xA3, 0xA0, 0xA1
FIRST_LEVEL: Final = frozenset(
    {CLUSTER, INFO, TRACKS, CUES, 0x114D9B74, 0x1254C367, 0x1043A770, 0x1941A469}
)
"""Elements that end a cluster of unknown size (RFC 8794 §6.2)."""

_TRACK, _NUMBER, _TYPE, _SCALE = 0xAE, 0xD7, 0x83, 0x2AD7B1
_KINDS: Final = {1: "video", 2: "audio"}
"""RFC 9559 §5.1.4.1.3."""
_LONGEST_HEAD: Final = 12


@dataclass(frozen=True, slots=True)
class Head:
    """An element's identifier, the bytes before its content, and those of the content."""

    id: int
    head_bytes: int
    length: int | None
    """None: unknown."""


def head(data: bytes, at: int = 0) -> Head | None:
    """The element that begins here; None if its head is cut short. NotFragmented if it is none."""
    if at >= len(data):
        return None
    width = 9 - data[at].bit_length()
    if width > 4:
        raise NotFragmented(f"no element: {bytes(data[at : at + 4])!r}")
    if at + width >= len(data):
        return None
    size_width = 9 - data[at + width].bit_length()
    if size_width > 8:
        raise NotFragmented("an element's size has no width")
    end = at + width + size_width
    if end > len(data):
        return None
    value = int.from_bytes(data[at + width : end], "big") & ((1 << 7 * size_width) - 1)
    unknown = value == (1 << 7 * size_width) - 1
    return Head(
        int.from_bytes(data[at : at + width], "big"),
        width + size_width,
        None if unknown else value,
    )


def elements(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Identifier, beginning and end of the content of each element that stands here."""
    while at < end:
        found = head(data, at)
        if found is None or found.length is None or at + found.head_bytes + found.length > end:
            raise NotFragmented("an element reaches beyond the one around it")
        content = at + found.head_bytes
        yield found.id, content, content + found.length
        at = content + found.length


def kinds_of(tracks: bytes) -> dict[int, str]:
    """Whether each track in the content of Tracks is `video` or `audio`, by number and in order;
    without others.
    """
    found: dict[int, str] = {}
    for id, at, end in elements(tracks, 0, len(tracks)):
        if id != _TRACK:
            continue
        fields = {each: tracks[a:e] for each, a, e in elements(tracks, at, end)}
        kind = _KINDS.get(int.from_bytes(fields.get(_TYPE, b""), "big"))
        if kind is not None:
            found[int.from_bytes(fields.get(_NUMBER, b""), "big")] = kind
    return found


def tick_s(info: bytes) -> float:
    """Seconds of a tick, from the content of Info."""
    for id, at, end in elements(info, 0, len(info)):
        if id == _SCALE:
            return int.from_bytes(info[at:end], "big") / 1e9
    return 0.001


def block(data: bytes) -> tuple[int, int, int]:
    """Track, time from the cluster's on, and flags at the beginning of a block's content."""
    width = 9 - data[0].bit_length() if data else 9
    if width > 8 or len(data) < width + 3:
        raise NotFragmented("a block without a head")
    number = int.from_bytes(data[:width], "big") & ((1 << 7 * width) - 1)
    distance = int.from_bytes(data[width : width + 2], "big", signed=True)
    return number, distance, data[width + 2]


def cluster_of(time: int, length: int) -> bytes:
    """The head of a cluster with this time around `length` bytes of blocks."""
    moment = time.to_bytes(8, "big")
    stamp = bytes((TIME, 0x88)) + moment
    size = (1 << 56 | (len(stamp) + length)).to_bytes(8, "big")
    return CLUSTER.to_bytes(4, "big") + size + stamp
