"""Follows Matroska and WebM while it grows: clusters, cut into fragments of about a second.

ffmpeg writes clusters of a second, each at once; `stream_copy` one of up to 5 s, block by block. A
fragment ends where its cluster does, before a keyframe of the first video track, and where it has
become long. So it depends on what is in the file only, not on when it was read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from orchestrator.fragments import matroska_elements as mkv
from orchestrator.fragments.fragment import (
    LONGEST_FRAGMENT,
    LONGEST_HEADER,
    Fragment,
    NotFragmented,
)

_LONG_S: Final = 1.2
"""A fragment ends before the block that would make it longer. ffmpeg's own last a second."""
_SHORT_S: Final = 0.5
"""Audio before a keyframe that lasts less belongs to the keyframe's fragment."""
_HEAD_BYTES: Final = 32
"""Enough for the heads of a block group and of its block."""
_MOST_ELEMENTS: Final = 64
"""Before the first cluster."""
_KEYFRAME: Final = 0x80
_UNKNOWN_8: Final = b"\x01" + 7 * b"\xff"


@dataclass(slots=True)
class _Open:
    """A fragment that isn't whole yet; times in ticks."""

    at: int
    begin: int
    keyframe: bool
    first: int = 0
    last: int = 0
    before_last: int | None = None
    """Of video blocks, else of all."""
    counted: int = 0
    has_video: bool = False
    kinds: set[str] = field(default_factory=set)
    audio: set[int] = field(default_factory=set)
    earliest: int = 0
    latest: int = 0
    """Of all blocks."""


@dataclass(slots=True)
class _Cluster:
    end: int | None
    time: int = 0
    open: _Open | None = field(default=None)


class MatroskaReader:
    """Positions in one file; given its descriptor at each call."""

    def __init__(self) -> None:
        self.header = b""
        """All before the first cluster, the segment's size unknown; empty until it is whole."""
        self.at = 0
        self.ended = False
        """Nothing follows: the file was closed."""
        self.tracks: dict[int, str] = {}
        """Which are `video` and which `audio`, by number, as the header has them now."""
        self._had_video = False
        self._tick_s = 0.001
        self._cluster: _Cluster | None = None
        self._number = 0
        self._header_bytes = 0

    def next(self, file: int, size: int, *, last: bool) -> Fragment | None:
        """The next whole fragment of a file of this size, if there is one. OSError, NotFragmented.

        `last`: nothing will be written any more, so what there is of the last one is whole.
        """
        if not self.header and not self._read_header(file, size):
            return None
        while not self.ended:
            data = os.pread(file, _HEAD_BYTES, self.at)
            found = mkv.head(data) if data else None
            if self._cluster is not None and self._ends_cluster(found):
                if (fragment := self._leave_cluster()) is not None:
                    return fragment
            elif found is None or not self._is_whole(found, size):
                return self._leave_cluster() if last else None
            elif self._cluster is None:
                self._enter(found)
            elif (fragment := self._inside(self._cluster, found, data)) is not None:
                return fragment
        return None

    @property
    def keyframe_s(self) -> float | None:
        """Where the fragment begins that isn't whole yet, if it is known to with a keyframe."""
        open_ = self._cluster.open if self._cluster is not None else None
        return open_.first * self._tick_s if open_ is not None and open_.keyframe else None

    def refresh(self, file: int) -> None:
        """Reads the header again: a track that came late is added to it."""
        if not self.header:
            return
        data = os.pread(file, self._header_bytes, 0)
        if data != self.header and len(data) == self._header_bytes:
            self._parse_header(data)

    @property
    def _first_video(self) -> int | None:
        return next((number for number, kind in self.tracks.items() if kind == "video"), None)

    def _ends_cluster(self, found: mkv.Head | None) -> bool:
        cluster = self._cluster
        if cluster is None:
            return False
        if cluster.end is not None:
            return self.at >= cluster.end
        return found is not None and found.id in mkv.FIRST_LEVEL

    def _is_whole(self, found: mkv.Head, size: int) -> bool:
        if found.length is None:
            if found.id != mkv.CLUSTER:
                raise NotFragmented(f"element {found.id:X} has no size")
            return True
        return self.at + found.head_bytes + found.length <= size

    def _enter(self, found: mkv.Head) -> None:
        """A cluster's content, or what follows another element."""
        content = self.at + found.head_bytes
        if found.id == mkv.CLUSTER:
            end = None if found.length is None else content + found.length
            self._cluster, self.at = _Cluster(end), content
            return
        self.ended = found.id == mkv.CUES
        self.at = content + (found.length or 0)

    def _inside(self, cluster: _Cluster, found: mkv.Head, data: bytes) -> Fragment | None:
        """Takes an element of a cluster, unless the open fragment ends before it."""
        length, fragment = found.length or 0, None
        content = data[found.head_bytes : found.head_bytes + length]
        if found.id == mkv.TIME:
            cluster.time = int.from_bytes(content, "big")
        elif found.id in (mkv.SIMPLE_BLOCK, mkv.BLOCK_GROUP):
            fragment = self._block(cluster, found, content)
        if fragment is None:
            self.at += found.head_bytes + length
        return fragment

    def _block(self, cluster: _Cluster, found: mkv.Head, content: bytes) -> Fragment | None:
        if found.id == mkv.BLOCK_GROUP:  # of ffmpeg: a track's last frame, with its length
            inner = mkv.head(content)
            if inner is None or inner.id != mkv.BLOCK:
                return None
            number, distance, flags = *mkv.block(content[inner.head_bytes :])[:2], 0
        else:
            number, distance, flags = mkv.block(content)
        time = cluster.time + distance
        kind = self.tracks.get(number)
        is_video = kind == "video" and number == self._first_video
        keyframe = is_video and bool(flags & _KEYFRAME)
        if cluster.open is not None and self._ends_before(cluster.open, time, keyframe=keyframe):
            return self._finish(cluster, cluster.open)
        if cluster.open is None:
            cluster.open = _Open(self.at, time, keyframe=False, earliest=time, latest=time)
        if is_video:
            cluster.open.kinds.add("video")
        elif kind == "audio":
            cluster.open.kinds.add("audio")
            cluster.open.audio.add(number)
        cluster.open.earliest = min(cluster.open.earliest, time)
        cluster.open.latest = max(cluster.open.latest, time)
        self._count(cluster.open, time, is_video=is_video, keyframe=keyframe)
        return None

    def _ends_before(self, open_: _Open, time: int, *, keyframe: bool) -> bool:
        lasts_s = (time - open_.begin) * self._tick_s
        if keyframe and (open_.has_video or lasts_s >= _SHORT_S):
            return True
        return lasts_s >= _LONG_S or self.at - open_.at > LONGEST_FRAGMENT // 2

    def _count(self, open_: _Open, time: int, *, is_video: bool, keyframe: bool) -> None:
        self._had_video |= is_video
        if is_video and not open_.has_video:
            open_.has_video, open_.keyframe, open_.counted = True, keyframe, 0
        elif open_.has_video and not is_video:
            return
        if not open_.counted:
            open_.first, open_.last, open_.before_last = time, time, None
        else:
            open_.before_last, open_.last = open_.last, max(open_.last, time)
        open_.counted += 1

    def _leave_cluster(self) -> Fragment | None:
        cluster = self._cluster
        if cluster is None or cluster.open is None:
            self._cluster = None
            return None
        return self._finish(cluster, cluster.open)

    def _finish(self, cluster: _Cluster, done: _Open) -> Fragment:
        cluster.open = None
        before_last = done.last if done.before_last is None else done.before_last
        length = self.at - done.at
        fragment = Fragment(
            self._number,
            done.at,
            length,
            done.first * self._tick_s,
            (2 * done.last - before_last) * self._tick_s,
            done.keyframe if done.has_video else not self._had_video,
            (done.earliest * self._tick_s, done.latest * self._tick_s),
            frozenset(done.kinds),
            mkv.cluster_of(cluster.time, length),
            frozenset(done.audio),
        )
        self._number += 1
        return fragment

    def _read_header(self, file: int, size: int) -> bool:
        at = 0
        for number in range(_MOST_ELEMENTS):
            found = mkv.head(os.pread(file, _HEAD_BYTES, at))
            if found is None:
                return False
            if not number and found.id != mkv.EBML:
                raise NotFragmented("no EBML header")
            if found.id == mkv.CLUSTER:
                self._parse_header(os.pread(file, at, 0))
                self.at = at
                return True
            if found.id == mkv.SEGMENT:
                at += found.head_bytes
                continue
            if found.length is None or at + found.head_bytes + found.length > LONGEST_HEADER:
                raise NotFragmented("a header without end")
            at += found.head_bytes + found.length
            if at > size:
                return False
        raise NotFragmented("no cluster")

    def _parse_header(self, data: bytes) -> None:
        at, changed = 0, bytearray(data)
        while (found := mkv.head(data, at)) is not None:
            content = at + found.head_bytes
            if found.id == mkv.SEGMENT:
                if found.head_bytes == 12:
                    changed[at + 4 : content] = _UNKNOWN_8
                at = content
                continue
            if found.length is None:
                break
            inside = data[content : content + found.length]
            if found.id == mkv.INFO:
                self._tick_s = mkv.tick_s(inside)
            elif found.id == mkv.TRACKS:
                self.tracks = mkv.kinds_of(inside)
            at = content + found.length
        self.header, self._header_bytes = bytes(changed), len(data)
