"""Films whose frames carry their numbers, with a beep each second, in any codec and container."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from tests.kit.signals.codes import beep, draw, read_code

FPS: Final = 30
CLOCK: Final = Fraction(1, 90_000)
RATE: Final = 48_000

_B_FRAMES: Final = "keyint=30:min-keyint=30:bframes=3:scenecut=0:b-adapt=0"
OPEN_GOP: Final = {"preset": "veryfast", "x264-params": f"open-gop=1:{_B_FRAMES}"}
"""B-frames after each keyframe are shown before it, and need the group before."""
B_FRAMES: Final = {"preset": "veryfast", "x264-params": _B_FRAMES}


@dataclass
class NumberedFilm:
    """A file to be written; times are ticks of 1/90000 s."""

    path: Path
    times: Sequence[int]
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=lambda: dict(B_FRAMES))
    sizes: Sequence[tuple[int, int]] = ((320, 192),)
    """Of each part of equal length."""
    audio: Sequence[str] = ("aac",)
    audio_from_s: float = 0.0
    pixel_format: str = "yuv420p"
    colors: dict[str, int] = field(default_factory=dict)
    container: str | None = None
    container_options: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    rotation: int = 0

    def write(self) -> Path:
        """Writes it and returns its path."""
        # In a thread that ends: SVT-AV1, when root runs it, raises the priority of its caller.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._write).result()

    def _write(self) -> Path:
        with av.open(
            str(self.path), "w", format=self.container, options=self.container_options
        ) as output:
            output.metadata.update(self.tags)
            video = self._video(output)
            tracks = [self._track(output, codec) for codec in self.audio]
            packets = self._frames(video)
            for track in tracks:
                packets += self._beeps(track)
            for packet in sorted(packets, key=_decoding_time):
                output.mux(packet)
        return self.path

    def _video(self, output: OutputContainer) -> VideoStream:
        stream = output.add_stream(self.codec, rate=FPS)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = self.sizes[0]
        stream.pix_fmt = self.pixel_format
        stream.codec_context.time_base = CLOCK
        stream.options = dict(self.options)
        for name, value in self.colors.items():
            setattr(stream.codec_context, name, value)
        if self.rotation:
            stream.set_display_rotation(self.rotation)
        return stream

    def _frames(self, stream: VideoStream) -> list[Packet[Any]]:
        packets: list[Packet[Any]] = []
        for number, at in enumerate(self.times):
            width, height = self.sizes[number * len(self.sizes) // len(self.times)]
            frame = draw(number, width=width, height=height, fps=FPS)
            if self.pixel_format != "yuv420p":
                frame = frame.reformat(format=self.pixel_format)
            frame.pts, frame.time_base = at, CLOCK
            for name, value in self.colors.items():
                setattr(frame, name, value)
            packets += stream.encode(frame)
        return packets + stream.encode(None)

    def _track(self, output: OutputContainer, codec: str) -> AudioStream:
        stream = output.add_stream(codec, rate=RATE)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        return stream

    def _beeps(self, stream: AudioStream) -> list[Packet[Any]]:
        packets: list[Packet[Any]] = []
        end = round(RATE * (self.times[-1] + 3000) / 90_000)
        for at in range(round(self.audio_from_s * RATE), end, 960):
            samples = beep(at, 960, RATE).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
            packets += stream.encode(frame)
        return packets + stream.encode(None)


def even_times(seconds: float, *, start: int = 0) -> list[int]:
    """At 30 frames a second."""
    return [start + 3000 * n for n in range(round(seconds * FPS))]


def uneven_times(seconds: float) -> list[int]:
    """Frames that come as they come, a thirtieth of a second apart on the average."""
    steps = np.random.default_rng(7).integers(1500, 4501, round(seconds * FPS))
    return [0, *(int(at) for at in np.cumsum(steps)[:-1])]


def shown(path: Path) -> list[tuple[Fraction, int | None]]:
    """When each frame is shown, in seconds, and its number; by decoding."""
    with av.open(str(path)) as file:
        return [(_at(frame), _number(frame)) for frame in file.decode(video=0)]


def _at(frame: av.VideoFrame) -> Fraction:
    assert frame.pts is not None
    assert frame.time_base is not None
    return frame.pts * frame.time_base


def _number(frame: av.VideoFrame) -> int | None:
    gray = frame.reformat(format="gray").to_ndarray()
    return read_code(gray)


def _decoding_time(packet: Packet[Any]) -> float:
    ticks = packet.dts if packet.dts is not None else packet.pts
    assert ticks is not None
    return float(ticks * packet.time_base)
