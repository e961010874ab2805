"""Where one file ends and the next begins: each video at a keyframe, audio beside it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.media import TrackKind
from orchestrator.stream_copy.track import Packet, Track


class PacketCut:
    """Divides packets between two files. `videos` are those of which frames are coming."""

    def __init__(self, videos: Iterable[Track]) -> None:
        self._pending = set(videos)
        self._at_ns: int | None = None

    @property
    def passed(self) -> bool:
        """Every video has reached a keyframe: what comes now belongs into the next file."""
        return not self._pending

    def is_before(self, packet: Packet) -> bool:
        """Whether it still belongs into the file that ends."""
        if packet.track.kind is TrackKind.AUDIO:
            return self._at_ns is None or packet.time_ns < self._at_ns
        if packet.track not in self._pending:
            return False
        if not packet.frame.keyframe:
            return True
        self._pending.discard(packet.track)
        if self._at_ns is None:
            self._at_ns = packet.time_ns
        return False
