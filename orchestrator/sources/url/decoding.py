"""Decodes the packets of one stream; each frame gets the time that its packet has."""

from __future__ import annotations

from typing import Any, Final

import av
import structlog

from orchestrator.logs import Repeated
from orchestrator.sources.bitstreams.frame_size import decoder_options

log = structlog.get_logger(__name__)

_MOST_WAITING: Final = 64
"""Packets whose frames have not come out: decoders hold back sixteen at most for B-frames."""

_UNSPECIFIED: Final = 2
_BT709, _BT601 = 1, 6
"""Matrices of ITU-T H.273."""


class DecodedTrack:
    """One stream's decoder, on one thread."""

    def __init__(self, stream: Any, max_pixels: int) -> None:
        self._context = stream.codec_context
        self._base_ns = stream.time_base * 1_000_000_000
        if isinstance(self._context, av.VideoCodecContext):
            self._context.thread_count = 1
            self._context.options = decoder_options(max_pixels)
        self._times: dict[int, int] = {}
        """Local time by PTS, of packets whose frames have not come out."""
        self._last: tuple[int, int] = (0, 0)
        self._failed = Repeated(log.warning)
        self.undecodable = 0

    def decode(self, packet: Any, time_ns: int) -> list[tuple[int, Any]]:
        """The frames that are complete by a packet, each with its time."""
        self._times[packet.pts] = time_ns
        while len(self._times) > _MOST_WAITING:
            del self._times[next(iter(self._times))]
        return self._decoded(packet)

    def flush(self) -> list[tuple[int, Any]]:
        """Those that were held back; nothing more comes."""
        return self._decoded(None)

    def _decoded(self, packet: Any) -> list[tuple[int, Any]]:
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError as error:
            self.undecodable += 1
            self._failed("a frame could not be decoded", error=str(error))
            return []
        timed = [(self._time(frame), frame) for frame in frames if frame.pts is not None]
        for _, frame in timed:
            _complete_colors(self._context.name, frame)
        return timed

    def _time(self, frame: Any) -> int:
        time_ns = self._times.pop(frame.pts, None)
        if time_ns is None:  # one packet of several frames
            pts, known_ns = self._last
            time_ns = known_ns + round((frame.pts - pts) * self._base_ns)
        self._last = (frame.pts, time_ns)
        return time_ns


def _complete_colors(codec: str, frame: Any) -> None:
    """A frame whose bitstream doesn't say how its YUV is to be read (aiortc.decoder.MATRIX)."""
    if isinstance(frame, av.VideoFrame) and int(frame.colorspace) == _UNSPECIFIED:
        frame.colorspace = _BT601 if codec.startswith("vp8") else _BT709
