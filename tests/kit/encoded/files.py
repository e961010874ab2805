"""Files of copied frames, read again as a player would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from orchestrator.media import SECOND_NS, EncodedFrame
from orchestrator.stream_copy.packet_muxer import PacketMuxer, SegmentContainer
from orchestrator.stream_copy.track import Packet, Track


@dataclass(frozen=True, slots=True)
class ReadTrack:
    """A track, and the times of its packets in milliseconds."""

    name: str
    codec: str
    times_ms: list[int]
    keys_ms: list[int]
    sizes: list[int]


def write(
    path: Path, packets: list[Packet], container: SegmentContainer = "matroska", **tags: str
) -> None:
    """A whole file of these packets; the order of tracks is that of their first packets."""
    muxer = PacketMuxer(path, container, firsts(packets), zero_ns=0, tags=tags)
    for packet in packets:
        muxer.write(packet)
    muxer.close()


def firsts(packets: list[Packet]) -> dict[Track, EncodedFrame]:
    """Each track with its first frame."""
    found: dict[Track, EncodedFrame] = {}
    for packet in packets:
        found.setdefault(packet.track, packet.frame)
    return found


def read(path: Path) -> list[ReadTrack]:
    """All tracks, in the order of the file."""
    with av.open(str(path)) as file:
        found = [
            ReadTrack(
                stream.metadata.get("title") or stream.metadata.get("handler_name", ""),
                stream.codec_context.codec.canonical_name,
                [],
                [],
                [],
            )
            for stream in file.streams
            if stream.codec_context is not None  # that of MP4's chapters has none
        ]
        for packet in file.demux():
            if packet.size and packet.pts is not None:
                track = found[packet.stream_index]
                track.times_ms.append(round(float(packet.pts * packet.time_base) * 1000))
                track.sizes.append(packet.size)
                if packet.is_keyframe:
                    track.keys_ms.append(track.times_ms[-1])
        return found


def brightness(path: Path, track: int = 0) -> list[tuple[int, int]]:
    """Of each decoded frame of a video track: its time in milliseconds, and how bright it is."""
    with av.open(str(path)) as file:
        frames: Any = file.decode(video=track)
        return [(round(one.time * 1000), _mean(one)) for one in frames]


def samples(path: Path, track: int = 0) -> list[tuple[int, int]]:
    """Of each decoded frame of an audio track: its time in milliseconds, and its samples."""
    with av.open(str(path)) as file:
        frames: Any = file.decode(audio=track)
        return [(round(one.time * 1000), one.samples) for one in frames]


def times_ms(packets: list[Packet], track: Track) -> list[int]:
    """When its packets were to be."""
    return [_ms(one.time_ns) for one in packets if one.track == track]


def keys_ms(packets: list[Packet], track: Track) -> list[int]:
    """When its keyframes were to be."""
    return [_ms(one.time_ns) for one in packets if one.track == track and one.frame.keyframe]


def _ms(time_ns: int) -> int:
    return (2 * time_ns * 1000 + SECOND_NS) // (2 * SECOND_NS)


def _mean(frame: Any) -> int:
    """Of its luma, as it is coded."""
    plane = np.frombuffer(memoryview(frame.planes[0]), np.uint8)
    luma = plane.reshape(-1, frame.planes[0].line_size)[: frame.height, : frame.width]
    return round(float(luma.mean()))
