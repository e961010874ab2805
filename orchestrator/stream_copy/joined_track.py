"""A track of a joined file: the times of its packets there, in the file's own clock."""

from __future__ import annotations

import heapq
from fractions import Fraction
from itertools import islice
from typing import Any, Final

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from orchestrator.media import VIDEO_TIME_BASE

_MILLISECONDS: Final = Fraction(1, 1000)

EARLY_S: Final = 1
"""Matroska has only times of showing. libavformat wants one of decoding too, which rises and is
never the later one: so much earlier, for B-frames of whatever order."""

_LOOK: Final = 300
"""Packets of a segment whose order tells how many frames are held back for B-frames."""

_STEP: Final = Fraction(1, 30)
"""Of frames of which nothing tells it."""

_LONGEST_S: Final = 1
"""That a last frame is taken to last; longer ones stand before a gap."""


class JoinedTrack:
    """Its stream, and the clock of it."""

    def __init__(
        self, made: OutputContainer, template: Stream, name: str, disposition: Disposition
    ) -> None:
        self.name, self.packets = name, 0
        self._stream: Stream = made.add_stream_from_template(template, opaque=True)
        self._is_mp4 = made.format.name == "mp4"
        # MP4 has both, and most players show its handler's name.
        self._stream.metadata.update(
            {"title": name, **({"handler_name": name} if self._is_mp4 else {})}
        )
        self._stream.disposition = disposition
        rate = Fraction(1, getattr(template.codec_context, "sample_rate", None) or 1000)
        own = VIDEO_TIME_BASE if template.type == "video" else rate
        self._base = own if self._is_mp4 else _MILLISECONDS
        self._stream.time_base = self._base
        self._delay, self._held = 0, list[int]()
        self._last = self._shown = -(1 << 62)

    def measure_reordering(self, segment: InputContainer, stream: Stream) -> None:
        """How many frames are decoded before one that is shown earlier, at most, at its start."""
        times = [p.pts for p in islice(segment.demux(stream), _LOOK) if p.pts is not None]
        for place, time in enumerate(times):
            before = times[max(0, place - 16) : place]
            self._delay = max(self._delay, sum(each > time for each in before))

    def place(self, packet: Packet[Any], after_s: float) -> None:
        """Gives a packet of a segment its place in the file; that is `after_s` behind the zero."""
        assert packet.pts is not None
        after = round(after_s / float(self._base))
        pts = after + round(packet.pts * packet.time_base / self._base)
        duration = self._duration(packet, pts)
        packet.stream, packet.time_base = self._stream, self._base
        self.packets += 1
        early = self._decoded(pts) if self._is_mp4 else pts - int(EARLY_S / self._base)
        # In MP4 no two packets are at one time.
        packet.dts = self._last = max(early, self._last + self._is_mp4)
        packet.pts, packet.duration = max(pts, packet.dts), duration

    def _duration(self, packet: Packet[Any], pts: int) -> int:
        """A frame of video that doesn't say it lasts as long as the one before.

        It counts for the last one of an MP4: players leave out one that ends where it begins.
        """
        if packet.duration:
            return round(packet.duration * packet.time_base / self._base)
        before, self._shown = self._shown, pts
        step = pts - before
        return step if 0 < step * self._base <= _LONGEST_S else int(_STEP / self._base)

    def _decoded(self, pts: int) -> int:
        """The times of showing, so many frames late; before the first, evenly."""
        heapq.heappush(self._held, pts)
        if len(self._held) > self._delay:
            return heapq.heappop(self._held)
        early = self._delay + 1 - len(self._held)
        return self._held[0] - early * int(_STEP / self._base)
