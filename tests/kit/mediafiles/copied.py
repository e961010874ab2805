"""Files as pipeline `copy` writes them: encoded frames as they came, a track for each publication.

Frames carry their numbers (tests.kit.signals.codes); each audio track is a tone of its own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext

from tests.kit.fakes import REAL
from tests.kit.signals.codes import draw

MS: Final = Fraction(1, 1000)
RATES: Final = {"libopus": 48_000, "pcm_mulaw": 8_000, "pcm_alaw": 8_000, "g722": 16_000}
FPS: Final = 30

_OPTIONS: Final = {
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "libx264": {"preset": "ultrafast", "tune": "zerolatency"},
}


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of one size; the first is a keyframe."""

    times: Sequence[int]
    """In milliseconds."""
    size: tuple[int, int] = (320, 192)


@dataclass(frozen=True, slots=True)
class CopiedVideo:
    """A camera or a screen: its header keeps the size of the first frames."""

    name: str
    frames: Sequence[Frames]
    codec: str = "libvpx"
    first: int = 0
    """The number of its first frame."""
    default: bool = False


@dataclass(frozen=True, slots=True)
class CopiedAudio:
    """A microphone: a tone, while it isn't muted."""

    name: str
    tone_hz: int
    spans: Sequence[tuple[float, float]]
    """From when to when there are packets, in seconds."""
    codec: str = "libopus"
    peak: int = 8_000


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file to be written."""

    path: Path
    tracks: Sequence[CopiedVideo | CopiedAudio]
    tags: dict[str, str] = field(default_factory=lambda: {"recording_id": "r1"})

    def write(self) -> Path:
        """Writes it and returns its path."""
        codecs = {track.codec for track in self.tracks}
        if codecs <= {"libopus", *_OPTIONS}:
            self._write(self.path)
            return self.path
        # PyAV asks a muxer's list of codecs, in which Matroska lacks G.711 and G.722; ffmpeg
        # writes them.
        nut = self.path.with_suffix(".nut")
        self._write(nut)
        options = ("-v", "error", "-copyts", "-i", str(nut), "-map", "0", "-c", "copy")
        subprocess.run([str(REAL), *options, str(self.path)], check=True, timeout=60)
        nut.unlink()
        return self.path

    def _write(self, path: Path) -> None:
        with av.open(str(path), "w") as output:
            output.metadata.update(self.tags)
            streams = [_stream(output, track) for track in self.tracks]
            packets: list[Packet[Any]] = []
            for stream, track in zip(streams, self.tracks, strict=True):
                encoded = _video(track) if isinstance(track, CopiedVideo) else _audio(track)
                for packet in encoded:
                    packet.stream = stream
                    packets.append(packet)
            output.start_encoding()
            for packet in sorted(packets, key=lambda each: (each.pts or 0) * each.time_base):
                output.mux_one(packet)


def times(start_s: float, end_s: float) -> list[int]:
    """Frames at 30 a second, to the millisecond, as they come: a little early or late."""
    count = round((end_s - start_s) * FPS)
    uneven = np.random.default_rng(count).integers(-4, 5, count)
    return [round(1000 * (start_s + n / FPS)) + (int(uneven[n]) if n else 0) for n in range(count)]


def _stream(output: OutputContainer, track: CopiedVideo | CopiedAudio) -> Stream:
    if isinstance(track, CopiedVideo):
        video = output.add_stream(track.codec, rate=FPS)
        _prepare_video(video.codec_context, track, track.frames[0].size)  # type: ignore[arg-type]
        stream: Stream = video
        stream.disposition = Disposition.default if track.default else Disposition(0)
    else:
        audio = output.add_stream(track.codec, rate=RATES[track.codec])
        assert isinstance(audio, AudioStream)
        audio.layout = "mono"
        stream = audio
    stream.metadata["title"] = track.name
    return stream


def _prepare_video(context: VideoCodecContext, track: CopiedVideo, size: tuple[int, int]) -> None:
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.time_base, context.framerate = MS, Fraction(FPS)
    context.bit_rate, context.gop_size = 600_000, 10_000
    context.options = dict(_OPTIONS[track.codec])


def _video(track: CopiedVideo) -> Iterator[Packet[Any]]:
    number = track.first
    for frames in track.frames:
        context = av.CodecContext.create(track.codec, "w")
        assert isinstance(context, VideoCodecContext)
        _prepare_video(context, track, frames.size)
        width, height = frames.size
        for place, at in enumerate(frames.times):
            frame = draw(number, width=width, height=height, fps=FPS)
            # The encoder plans with times that go on; they may be equal in the file.
            frame.pts, frame.time_base = round(1000 * place / FPS), MS
            for packet in context.encode(frame):
                packet.pts = packet.dts = at
                packet.time_base = MS
                yield packet
            number += 1


def _audio(track: CopiedAudio) -> Iterator[Packet[Any]]:
    rate = RATES[track.codec]
    count = rate // 50
    for start_s, end_s in track.spans:
        context = av.CodecContext.create(track.codec, "w")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate, context.layout, context.format = rate, "mono", "s16"
        packets = round((end_s - start_s) * 50)
        for number in range(packets):
            at = number * count + np.arange(count)
            wave = (track.peak * np.sin(2 * np.pi * track.tone_hz * at / rate)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(wave.reshape(1, -1), "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, number * count, Fraction(1, rate)
            for packet in context.encode(frame):
                # As it came: an encoder's own delay is in its packets, not in their times.
                packet.pts = packet.dts = round(1000 * start_s) + 20 * number
                packet.time_base, packet.duration = MS, 20
                yield packet
