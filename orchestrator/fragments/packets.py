"""Packets of a fragment, demuxed with PyAV."""

from __future__ import annotations

import io
from typing import Final

import av
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from orchestrator.fragments.fragment import Container

_FORMATS: Final = {"mp4": "mp4", "webm": "matroska", "matroska": "matroska"}

_OPTIONS: Final = {"probesize": "65536", "analyzeduration": "0"}
"""Nothing has to be found out: the header has what there is to know."""

_WITHOUT_DECODING: Final = {**_OPTIONS, "codec_whitelist": "none"}
"""libavformat would decode a frame of H.264 to learn its delay: 10 ms of CPU for 720p, of 11 in
all. The list is only of what it may use itself (avformat_find_stream_info)."""


def packets(header: bytes, data: bytes, container: Container) -> list[Packet[Stream]]:
    """All packets of one or more fragments behind their file's header, in the order of the file.

    Each has its stream, times and time base as of the segment's file. Raises av.FFmpegError.
    """
    # Not closed: packets have their streams from it, and it lives as long as they do.
    file = av.open(
        io.BytesIO(header + data), "r", format=_FORMATS[container], options=dict(_OPTIONS)
    )
    return [packet for packet in file.demux() if packet.size]


def first_keyframe(header: bytes, data: bytes, container: Container) -> Packet[VideoStream] | None:
    """The first one of the first video; None if there is none. Raises av.FFmpegError.

    What only a decoder knows, its stream doesn't say.
    """
    file = av.open(
        io.BytesIO(header + data), "r", format=_FORMATS[container], options=dict(_WITHOUT_DECODING)
    )
    video = file.streams.video[0] if file.streams.video else None
    return next((p for p in file.demux(video) if p.size and p.is_keyframe), None) if video else None
