"""Packets of a fragment, demuxed with PyAV."""

from __future__ import annotations

import io
from typing import Final

import av
from av.packet import Packet
from av.stream import Stream

from orchestrator.fragments.fragment import Container

_FORMATS: Final = {"mp4": "mp4", "webm": "matroska", "matroska": "matroska"}

_OPTIONS: Final = {"probesize": "65536", "analyzeduration": "0"}
"""Nothing has to be found out: the header has what there is to know."""


def packets(header: bytes, data: bytes, container: Container) -> list[Packet[Stream]]:
    """All packets of one or more fragments behind their file's header, in the order of the file.

    Each has its stream, times and time base as of the segment's file. Raises av.FFmpegError.
    """
    # Not closed: packets have their streams from it, and it lives as long as they do.
    file = av.open(
        io.BytesIO(header + data), "r", format=_FORMATS[container], options=dict(_OPTIONS)
    )
    return [packet for packet in file.demux() if packet.size]
