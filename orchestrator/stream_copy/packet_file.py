"""What a writer of packets writes to, and the tracks it begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from orchestrator.media import EncodedFrame
from orchestrator.stream_copy.track import Packet, Track

KnownTracks = Mapping[Track, EncodedFrame]
"""The tracks that a file is to have, each with a first frame, or one without data."""


class PacketFile(Protocol):
    """What a writer writes to (packet_muxer.PacketMuxer)."""

    @property
    def written_bytes(self) -> int: ...
    @property
    def tracks(self) -> frozenset[Track]: ...
    def add_track(self, track: Track, first: EncodedFrame) -> None: ...
    def write(self, packet: Packet) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A segment's file as it was made."""

    file: PacketFile
    zero_ns: int
    """Where the file begins in the recording."""
