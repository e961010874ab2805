"""Writes encoded frames into Matroska or WebM as they come: each is in the file at once.

Written here, not by libavformat (8.1), as that holds frames back: it builds a cluster in memory
and writes it when the first frame of the next one comes. With one video frame each 5 seconds, as
of a screen that stands still, SIGKILL costs 5 seconds, however short clusters are; here it costs
nothing. It takes as much CPU as libavformat in this process; a supervised ffmpeg takes more, and
20 MB or more (docs/benchmarks.md, "Ways of writing encoded frames").

libavformat's MP4 fragments are held back likewise, and the first one waits until every track has
begun; so a recording that is to be MP4 has segments in Matroska, which `packet_join` puts into MP4.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from orchestrator.media import EncodedFrame, TrackKind
from orchestrator.stream_copy import matroska
from orchestrator.stream_copy.bitstreams import stored
from orchestrator.stream_copy.codec_private import entry_of
from orchestrator.stream_copy.ebml import size_of_8
from orchestrator.stream_copy.pcm import PCM_RATES, PcmDecoder
from orchestrator.stream_copy.track import Packet, Track

SegmentContainer = Literal["matroska", "webm"]

SEGMENT_CONTAINERS: Final[Mapping[str, SegmentContainer]] = {
    "matroska": "matroska",
    "webm": "webm",
    "mp4": "matroska",
}
"""What the segments of a recording are, by what it is to be at the end."""

CLUSTER_MS: Final = 5000
"""Of a cluster at most; each keyframe of the first video track begins one too."""

_MS_NS: Final = 1_000_000
_SIZE_AT: Final = 4
"""In a cluster, and behind its identifier in the segment too: where the size stands."""


class PacketMuxer:
    """One file. For one thread, not the event loop: each call may wait for the disk."""

    def __init__(
        self,
        path: Path,
        container: SegmentContainer,
        tracks: Mapping[Track, EncodedFrame],
        *,
        zero_ns: int,
        tags: Mapping[str, str],
    ) -> None:
        """`tracks`: in the order of the file, each with its first frame (of video a keyframe).

        One whose first frame doesn't tell what its decoder needs, or for which there is no room, is
        left out. A file that is there is replaced. Raises OSError, and ValueError if no track is
        left.
        """
        self._path, self._zero_ns = path, zero_ns
        self._outlets: dict[Track, _Outlet] = {}
        self._entries: list[matroska.TrackEntry] = []
        self._used: set[int] = set()
        """Numbers of the tracks that have packets."""
        self._cued: Track | None = None
        self._declare_all(tracks)
        self._header = matroska.header(container, self._entries, tags)
        self._cluster_at, self._cluster_ms, self._cluster_cued = -1, 0, False
        self._points, self._end_ms = bytearray(), 0
        self.written_bytes = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            self._append(self._header.data)
        except OSError:
            os.close(self._file)
            raise

    @property
    def tracks(self) -> frozenset[Track]:
        """Those that were declared or added."""
        return frozenset(self._outlets)

    def add_track(self, track: Track, first: EncodedFrame) -> None:
        """Takes one more, from now on; `first` as in the constructor.

        ValueError if the file has no room for it; OSError. Then nothing has changed.
        """
        entry = self._entry(track, first)
        self._list([*self._entries, entry])
        self._declare(track, entry)

    def write(self, packet: Packet) -> None:
        """The next packet, in the order of time. Raises OSError; ValueError for another track.

        After an error the file is as it was before.
        """
        outlet = self._outlets.get(packet.track)
        if outlet is None:
            raise ValueError(f"{packet.track} was not declared for {self._path}")
        time_ms = max(0, _milliseconds(packet.time_ns - self._zero_ns))
        data = outlet.stored(packet.frame)
        if self._begins_cluster(packet, time_ms):
            self._begin_cluster(time_ms)
        self._block(outlet.number, time_ms, packet.frame.keyframe, data)
        self._end_ms = max(self._end_ms, time_ms + _milliseconds(packet.frame.duration_ns))

    def close(self) -> None:
        """Writes the index and the length. Raises OSError; the file is closed all the same."""
        if self._file < 0:
            return
        try:
            self._end_cluster()
            self._finish()
        finally:
            file, self._file = self._file, -1
            os.close(file)

    def _entry(self, track: Track, first: EncodedFrame) -> matroska.TrackEntry:
        is_first = all(known.kind is not track.kind for known in self._outlets)
        return entry_of(track, len(self._entries) + 1, first, default=is_first)

    def _declare_all(self, tracks: Mapping[Track, EncodedFrame]) -> None:
        problem = "there is no track"
        for track, frame in tracks.items():
            try:
                entry = self._entry(track, frame)
                matroska.tracks([*self._entries, entry])
            except ValueError as error:
                problem = str(error)
            else:
                self._declare(track, entry)
        if not self._entries:
            raise ValueError(problem)

    def _list(self, entries: list[matroska.TrackEntry]) -> None:
        """Writes the list of tracks, but not the emptiness behind it.

        The less is written, the less a power cut can leave half written.
        """
        self._rewrite(self._header.tracks_at, matroska.tracks(entries).rstrip(b"\0") + b"\0")

    def _declare(self, track: Track, entry: matroska.TrackEntry) -> None:
        self._entries.append(entry)
        self._outlets[track] = _Outlet(entry.number, track)
        if self._cued is None and track.kind is TrackKind.VIDEO:
            self._cued = track

    def _begins_cluster(self, packet: Packet, time_ms: int) -> bool:
        if self._cluster_at < 0:
            return True
        distance_ms = time_ms - self._cluster_ms
        key = packet.track == self._cued and packet.frame.keyframe and distance_ms > 0
        return key or not -matroska.BLOCK_SPAN_MS <= distance_ms < CLUSTER_MS

    def _begin_cluster(self, time_ms: int) -> None:
        self._end_cluster()
        at = self.written_bytes
        self._append(matroska.cluster_head(time_ms))
        self._cluster_at, self._cluster_ms, self._cluster_cued = at, time_ms, False

    def _end_cluster(self) -> None:
        if self._cluster_at >= 0:
            content_at = self._cluster_at + _SIZE_AT + 8
            self._rewrite(self._cluster_at + _SIZE_AT, size_of_8(self.written_bytes - content_at))
            self._cluster_at = -1

    def _block(self, number: int, time_ms: int, keyframe: bool, data: bytes) -> None:
        at = self.written_bytes - self._cluster_at - _SIZE_AT - 8
        flags = matroska.KEYFRAME if keyframe else 0
        distance_ms = time_ms - self._cluster_ms
        self._append(matroska.block_head(number, distance_ms, flags, len(data)), data)
        self._used.add(number)
        cued = self._outlets[self._cued].number if self._cued else number
        # Of audio alone one place in each cluster will do.
        if keyframe and number == cued and not (self._cued is None and self._cluster_cued):
            place = self._cluster_at - self._header.segment_at
            self._points += matroska.cue_point(time_ms, number, place, at)
            self._cluster_cued = True

    def _finish(self) -> None:
        cues_at = self.written_bytes - self._header.segment_at if self._points else None
        if self._points:
            self._append(matroska.cues(bytes(self._points)))
        used = [entry for entry in self._entries if entry.number in self._used]
        if used:  # players take one without packets for a damaged one
            self._list(used)
        self._rewrite(self._header.duration_at, matroska.duration(self._end_ms))
        self._rewrite(self._header.seek_head_at, matroska.seek_head(self._header, cues_at))
        length = self.written_bytes - self._header.segment_at
        self._rewrite(self._header.segment_at - 8, size_of_8(length))

    def _append(self, *parts: bytes) -> None:
        """All of it, or nothing."""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        try:
            self._rewrite(self.written_bytes, data)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self.written_bytes)
            raise
        self.written_bytes += len(data)

    def _rewrite(self, at: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            done = os.pwrite(self._file, rest, at)
            rest, at = rest[done:], at + done


class _Outlet:
    """A track's number in the file, and what its frames become."""

    def __init__(self, number: int, track: Track) -> None:
        self.number = number
        self._decoder = PcmDecoder(track.codec) if track.codec in PCM_RATES else None

    def stored(self, frame: EncodedFrame) -> bytes:
        return self._decoder.decode(frame.data) if self._decoder else stored(frame)


def _milliseconds(time_ns: int) -> int:
    return (2 * time_ns + _MS_NS) // (2 * _MS_NS)
