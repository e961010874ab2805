"""Segment files as ffmpeg writes them, and their packets as a player reads them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from orchestrator.encoding.pipeline.safe_options import safe_options
from orchestrator.fragments.fragment import Container, Fragment
from orchestrator.fragments.packets import packets
from orchestrator.fragments.reader import FragmentReader
from tests.kit.fakes import REAL

MP4_FLAGS = "+hybrid_fragmented+frag_keyframe+default_base_moof+delay_moov"
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-c:a", "aac")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus")

Timed = tuple[int, Fraction, bytes]
"""A packet: its stream, time in seconds and content."""


def encode_command(
    path: Path,
    seconds: float,
    *codecs: str,
    container: str = "mp4",
    movflags: str = MP4_FLAGS,
    audio_only: bool = False,
) -> list[str]:
    """The command of a segment: frames at no fixed rate, and a tone."""
    video = ["-f", "lavfi", "-i", r"testsrc2=size=192x108:rate=29,select=gt(random(1)\,0.3)"]
    audio = ["-f", "lavfi", "-i", "sine=f=440:r=48000"]
    given = safe_options(container, movflags)
    if audio_only:
        codecs, video = ("-c:a", "aac"), []
        given = {name: value for name, value in given.items() if not name.endswith(":v")}
    words = [word for name, value in given.items() for word in (f"-{name}", str(value))]
    return [
        *(str(REAL), "-v", "error", "-nostdin", *video, *audio, "-t", str(seconds)),
        *(*words, *codecs, "-y", str(path)),
    ]


def encode(path: Path, seconds: float, *codecs: str, **how: Any) -> Path:
    """A closed segment."""
    subprocess.run(encode_command(path, seconds, *codecs, **how), check=True, timeout=60)
    return path


def packets_of(path: Path) -> list[Timed]:
    """All of a file, sorted."""
    with av.open(str(path)) as file:
        return sorted(_timed(packet) for packet in file.demux() if packet.size)


def packets_in(reader: FragmentReader, fragments: Sequence[Fragment]) -> list[Timed]:
    """All of the fragments, each demuxed by itself, sorted."""
    return sorted(
        _timed(packet)
        for fragment in fragments
        for packet in packets(reader.header, reader.read(fragment), reader.container)
    )


def all_fragments(path: Path, container: Container) -> tuple[FragmentReader, list[Fragment]]:
    """Of a file that doesn't grow any more."""
    reader = FragmentReader(path, container)
    return reader, reader.poll(last=True)


def _timed(packet: av.Packet[Any]) -> Timed:
    assert packet.pts is not None
    return packet.stream.index, packet.pts * packet.time_base, bytes(packet)
