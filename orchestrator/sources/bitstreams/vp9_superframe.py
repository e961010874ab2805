"""A VP9 frame of several spatial layers, as one that any decoder shows once. Pure.

Each layer frame says that it is to be shown. Joined as they come, FFmpeg's decoder takes the first
for all of them; with an index it shows each. So all but the last are marked as hidden, as those
that are only references are, and an index is added (VP9 bitstream specification, annex B).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator.sources.bitstreams.bits import Size
from orchestrator.sources.bitstreams.vp9_header import Vp9Header, Vp9Headers

MOST: Final = 8
"""Frames in a superframe (§B.3)."""


@dataclass(frozen=True, slots=True)
class Superframe:
    """A frame with all its layers."""

    data: bytes
    keyframe: bool
    size: Size | None
    """Of the uppermost layer; None if nothing says it."""


class Superframes:
    """Those of one stream, in order."""

    def __init__(self) -> None:
        self._headers = Vp9Headers()

    def join(self, parts: Sequence[bytes]) -> Superframe:
        """The layer frames of one frame. Raises ValueError."""
        frames = [frame for part in parts for frame in split(part)]
        headers = [self._headers.read(frame) for frame in frames]
        if not frames:
            raise ValueError("a VP9 frame without data")
        size = next((each.size for each in reversed(headers) if each.size and each.shown), None)
        if len(parts) == 1:
            return Superframe(parts[0], headers[0].keyframe, size)
        *lower, top = zip(frames, headers, strict=True)
        kept = [hidden(frame, header) for frame, header in lower if not header.exists]
        return Superframe(indexed([*kept, top[0]]), headers[0].keyframe, size)


def largest(parts: Sequence[bytes]) -> Size | None:
    """The size of a keyframe's largest layer; None for other frames."""
    headers = Vp9Headers()
    try:
        read = [headers.read(frame) for part in parts for frame in split(part)]
    except ValueError:
        return None
    sizes = [each.size for each in read if each.size]
    key = bool(read) and (read[0].keyframe or read[0].intra_only)
    return max(sizes, key=lambda size: size[0] * size[1], default=None) if key else None


def split(data: bytes) -> list[bytes]:
    """The frames of a superframe; one alone has no index."""
    marker = data[-1] if data else 0
    if marker & 0xE0 != 0xC0:
        return [data] if data else []
    count, width = (marker & 7) + 1, (marker >> 3 & 3) + 1
    begins = len(data) - 2 - count * width
    if begins < 0 or data[begins] != marker:
        return [data]
    frames, at = [], 0
    for number in range(count):
        place = begins + 1 + number * width
        size = int.from_bytes(data[place : place + width], "little")
        if at + size > begins:
            raise ValueError("the index of a VP9 superframe is wrong")
        if size:
            frames.append(data[at : at + size])
        at += size
    return frames


def indexed(frames: Sequence[bytes]) -> bytes:
    """A superframe of these frames."""
    if len(frames) == 1:
        return frames[0]
    if len(frames) > MOST:
        raise ValueError(f"a VP9 frame of {len(frames)} layers")
    width = max(1, (max(map(len, frames)).bit_length() + 7) // 8)
    marker = bytes((0xC0 | width - 1 << 3 | len(frames) - 1,))
    sizes = (len(frame).to_bytes(width, "little") for frame in frames)
    return b"".join((*frames, marker, *sizes, marker))


def hidden(frame: bytes, header: Vp9Header) -> bytes:
    """The frame with show_frame 0.

    Behind that bit and the next, a frame that isn't a keyframe then says whether it is intra-only.
    Layers differ in size, so no motion vectors are predicted from a hidden one (§7.4.6).
    """
    if not header.shown:
        return frame
    length = (header.bits + 7) // 8
    value = int.from_bytes(frame[:length]) >> 8 * length - header.bits
    behind = header.bits - header.shown_at - 1
    value &= ~(1 << behind)
    count = header.bits
    if not header.keyframe:
        low = behind - 1
        value = value >> low << low + 1 | value & (1 << low) - 1
        count += 1
    whole = (count + 7) // 8
    return (value << 8 * whole - count).to_bytes(whole) + frame[length:]
