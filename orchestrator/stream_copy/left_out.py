"""Tracks that no file can have, as nothing tells what their decoders need. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog

from orchestrator.logs import Repeated
from orchestrator.stream_copy.track import Packet, Track

log: Final = structlog.get_logger(__name__)


class LeftOutTracks:
    """Those of one writer, each with the reason."""

    def __init__(self) -> None:
        self.reasons: Mapping[Track, str] = {}
        """Replaced as a whole, never changed: the event loop reads what a thread writes."""
        self._log = Repeated(log.warning)

    def add(self, packet: Packet, why: ValueError) -> None:
        """Its track was refused. A keyframe's reason is kept: other frames have none to give."""
        track = packet.track
        self._log("a track was not added", track=track.name, error=str(why))
        if packet.frame.keyframe or track not in self.reasons:
            self.reasons = {**self.reasons, track: str(why)}

    def remove(self, track: Track) -> None:
        """The file has it."""
        if track in self.reasons:
            self.reasons = {each: why for each, why in self.reasons.items() if each != track}
