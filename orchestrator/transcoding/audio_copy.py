"""Whether a track's packets can be copied so that its audio stays where it was.

Each container states an encoder's run-up before the first sample in a way of its own, and not
every way can be expressed in every other. So it is tried with the track's beginning. Blocking.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Final

import av
from av.audio.stream import AudioStream
from av.packet import Packet

from orchestrator.mediafiles.media_file import Unreadable, opened

BEGIN_PACKETS: Final = 200
"""In which the first sample has to come."""
TRIED_PACKETS: Final = 50
OFFSET_S: Final = Fraction(1, 1000)
"""By how much audio may begin at another time beside the video."""


def first_heard(path: Path, number: int) -> Fraction | None:
    """When the first sample of an audio track is heard, in seconds, by decoding."""
    with opened(path) as (container, _):
        stream = container.streams.audio[number]
        for packet in islice(container.demux(stream), BEGIN_PACKETS):
            try:
                frames = stream.decode(packet)
            except av.InvalidDataError:
                continue
            for frame in frames:
                if frame.pts is not None and frame.time_base is not None and frame.samples:
                    return frame.pts * frame.time_base
    return None


def packets_of(
    path: Path, index: int, *, zero: Fraction, heard_from: Fraction | None = None
) -> Iterator[Packet[Any]]:
    """Packets of one stream of a file, as much earlier as `zero` is late (seconds in the file).

    `heard_from`: without those that end before.
    """
    with opened(path) as (container, _):
        for packet in container.demux(container.streams[index]):
            at = packet.dts if packet.dts is not None else packet.pts
            if not packet.size or at is None:
                continue
            shown = packet.pts if packet.pts is not None else at
            end = (shown + (packet.duration or 0)) * packet.time_base
            if heard_from is not None and end <= heard_from:
                continue
            earlier = round(zero / packet.time_base)
            packet.pts, packet.dts = shown - earlier, at - earlier
            yield packet


def way_to_copy(
    path: Path, number: int, *, container: str, start: Fraction, zero: Fraction, trial: Path
) -> bool | None:
    """Whether the run-up has to be left out for it; None if it can't be copied.

    `start`: when it is heard first, `zero`: what will be 0, in seconds of the file.
    """
    for without_run_up in (False, True):
        heard_from = start if without_run_up else None
        try:
            with opened(path) as (source, _):
                stream = source.streams.audio[number]
                packets = packets_of(path, stream.index, zero=zero, heard_from=heard_from)
                _write(stream, islice(packets, TRIED_PACKETS), container, trial)
            begins = first_heard(trial, 0)
        except (Unreadable, OSError, ValueError, av.FFmpegError):
            continue
        finally:
            trial.unlink(missing_ok=True)
        if begins is not None and abs(begins - (start - zero)) <= OFFSET_S:
            return without_run_up
    return None


def _write(
    template: AudioStream, packets: Iterator[Packet[Any]], container: str, trial: Path
) -> None:
    with av.open(str(trial), "w", format=container) as made:
        stream = made.add_stream_from_template(template, opaque=True)
        for packet in packets:
            packet.stream = stream
            made.mux_one(packet)
