"""A process that writes encoded frames into a file in real time, in one of several ways.

`python -m scripts.benchmarks.writers.programs WAY PACKETS SECONDS FILE` reads its packets from
a file (pickled), says so, begins when it is told to, says what it took after SECONDS, and waits to
be killed.

- `packet_muxer`: `orchestrator.stream_copy.packet_muxer`.
- `libavformat`: PyAV's Matroska muxer in this process, flushed, clusters of 0.5 s.
- `ffmpeg`: NUT into a named pipe, and an ffmpeg that copies it into Matroska, likewise flushed.
- `none`: nothing; the loop alone.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any, Final

import av
import imageio_ffmpeg

from orchestrator.media import SECOND_NS, EncodedFrame, TrackKind
from orchestrator.stream_copy.packet_muxer import PacketMuxer
from orchestrator.stream_copy.track import Packet

_CLUSTER_MS: Final = 500

Write = Callable[[Packet], None]


def packet_muxer(path: Path, packets: list[Packet]) -> Write:
    """Ours."""
    firsts: dict[Any, EncodedFrame] = {}
    for packet in packets:
        firsts.setdefault(packet.track, packet.frame)
    return PacketMuxer(path, "matroska", firsts, zero_ns=0, tags={}).write


def libavformat(path: Path, packets: list[Packet]) -> Write:
    """PyAV's."""
    return _pyav(
        str(path),
        "matroska",
        {
            "flush_packets": "1",
            "cluster_time_limit": str(_CLUSTER_MS),
            "max_interleave_delta": "1",
        },
        packets,
    )


def ffmpeg(path: Path, packets: list[Packet]) -> Write:
    """Through a pipe."""
    pipe = Path(tempfile.mkdtemp()) / "pipe"
    os.mkfifo(pipe)
    subprocess.Popen(
        [
            imageio_ffmpeg.get_ffmpeg_exe(),
            *("-hide_banner", "-nostdin", "-nostats", "-loglevel", "error"),
            *("-fflags", "+nobuffer", "-probesize", "32", "-analyzeduration", "0"),
            *("-f", "nut", "-i", str(pipe), "-c", "copy", "-copyts"),
            *("-flush_packets", "1", "-max_interleave_delta", "1"),
            *("-cluster_time_limit", str(_CLUSTER_MS), "-f", "matroska", "-y", str(path)),
        ]
    )
    return _pyav(str(pipe), "nut", {"flush_packets": "1", "max_interleave_delta": "1"}, packets)


def none(path: Path, packets: list[Packet]) -> Write:
    """The loop alone."""
    return lambda packet: None


def _pyav(target: str, container: str, options: dict[str, str], packets: list[Packet]) -> Write:
    file = av.open(target, "w", format=container, options=options)
    streams: dict[Any, Any] = {}
    for track in dict.fromkeys(packet.track for packet in packets):
        if track.kind is TrackKind.AUDIO:
            stream: Any = file.add_stream("libopus", rate=48_000, layout="stereo")
        else:
            first = next(packet.frame for packet in packets if packet.track == track)
            stream = file.add_mux_stream("vp8", width=first.width, height=first.height)
        stream.time_base = Fraction(1, 1000)
        streams[track] = stream

    def write(packet: Packet) -> None:
        made: av.Packet[Any] = av.Packet(packet.frame.data)
        made.stream, made.time_base = streams[packet.track], Fraction(1, 1000)
        made.pts = made.dts = packet.time_ns // 1_000_000
        made.duration = packet.frame.duration_ns // 1_000_000
        made.is_keyframe = packet.frame.keyframe
        file.mux_one(made)

    return write


WAYS: Final = {each.__name__: each for each in (packet_muxer, libavformat, ffmpeg, none)}


def main() -> None:
    way, seconds, path = sys.argv[1], float(sys.argv[3]), Path(sys.argv[4])
    packets: list[Packet] = pickle.loads(Path(sys.argv[2]).read_bytes())
    print("ready", flush=True)
    sys.stdin.readline()
    began_s = time.monotonic()
    found: dict[str, float | None] = {"first_byte_ms": None}
    if way != "none":
        threading.Thread(
            target=_watch, args=(path, packets[0], began_s, found), daemon=True
        ).start()
    cpu_s = time.thread_time()
    write = WAYS[way](path, packets)
    for packet in packets:
        time.sleep(max(0.0, began_s + packet.time_ns / SECOND_NS - time.monotonic()))
        write(packet)
    cpu_s = time.thread_time() - cpu_s
    time.sleep(max(0.0, began_s + seconds - time.monotonic()))
    written_s = packets[-1].time_ns / SECOND_NS
    print(json.dumps({"cpu_s": cpu_s, "written_s": written_s, **found}), flush=True)
    sys.stdin.read()


def _watch(path: Path, first: Packet, began_s: float, found: dict[str, float | None]) -> None:
    """When the first frame's bytes are in the file."""
    for _ in count():
        if path.exists() and first.frame.data in path.read_bytes():
            found["first_byte_ms"] = (time.monotonic() - began_s) * 1000
            return
        time.sleep(0.002)


if __name__ == "__main__":
    main()
