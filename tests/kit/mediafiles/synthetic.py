"""Files whose every time, frame and sample a test chooses, so that what is measured is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

RATE: Final = 48_000
CLOCK: Final = Fraction(1, 90_000)
STEP: Final = 3000
"""Ticks of that clock between two frames at 30 a second."""

Plane = npt.NDArray[np.uint8]
Wave = npt.NDArray[np.int16]

FAST: Final = {
    "libx264": {"preset": "ultrafast"},
    # Not live, it would blend its key frames with frames that come later.
    "libsvtav1": {"preset": "10", "svtav1-params": "rtc=1:pred-struct=1:rc=2:lp=2"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
}


def moving(number: int, width: int = 160, height: int = 96) -> Plane:
    """A pattern that moves on with every number."""
    across = np.arange(width) * 3 + 16 * number
    return np.broadcast_to((40 + across % 160).astype(np.uint8), (height, width))


def black(width: int = 160, height: int = 96) -> Plane:
    """The black of video levels."""
    return np.full((height, width), 16, np.uint8)


def times(seconds: float, *, start: int = 0, step: int = STEP) -> list[int]:
    """Ticks of frames at equal distances."""
    return [start + step * n for n in range(round(seconds * 30 * STEP / step))]


def tone(seconds: float, *, peak: float = 0.5) -> Wave:
    """1 kHz. Its highest samples are at the peak exactly."""
    at = np.arange(round(seconds * RATE))
    return np.round(peak * 32_767 * np.sin(2 * np.pi * 1000 * at / RATE)).astype(np.int16)


def nothing(seconds: float) -> Wave:
    """Digital silence."""
    return np.zeros(round(seconds * RATE), np.int16)


@dataclass
class VideoTrack:
    """A stream of frames: when each is shown, and what is on it."""

    ticks: Sequence[int]
    codec: str = "libx264"
    clock: Fraction = CLOCK
    draw: Callable[[int], Plane] = moving
    key_every: int = 30
    b_frames: int = 0
    parameters_in_band: bool = False


@dataclass
class AudioTrack:
    """A stream of mono audio: pieces, and the sample at which each begins."""

    pieces: Sequence[tuple[int, Wave]]
    codec: str = "pcm_s16le"


@dataclass
class Film:
    """A file to be written."""

    path: Path
    container: str
    video: VideoTrack | None = None
    audio: AudioTrack | None = None
    options: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    change: Callable[[Packet[Any]], None] = lambda packet: None
    """May change a packet of frames before it is written."""

    def write(self) -> Path:
        """Writes it and returns its path."""
        # SVT-AV1, when root runs it, gives the thread that calls it real-time priority for good;
        # the tests after it would starve their own servers. So it gets a thread that ends.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._write).result()

    def _write(self) -> Path:
        with av.open(str(self.path), "w", format=self.container, options=self.options) as output:
            output.metadata.update(self.tags)
            video = self._video(output) if self.video else None
            audio = self._audio(output) if self.audio else None
            packets = [
                *(self._encoded(video) if video else []),
                *(self._heard(audio) if audio else []),
            ]
            for packet in sorted(packets, key=_decoding_time):
                output.mux(packet)
        return self.path

    def _video(self, output: OutputContainer) -> VideoStream:
        assert self.video
        stream = output.add_stream(self.video.codec, rate=30)
        assert isinstance(stream, VideoStream)
        first = self.video.draw(0)
        stream.height, stream.width = first.shape
        stream.pix_fmt = "yuvj420p" if self.video.codec == "mjpeg" else "yuv420p"
        stream.gop_size = self.video.key_every
        stream.bit_rate = 400_000
        stream.codec_context.max_b_frames = self.video.b_frames
        stream.codec_context.time_base = self.video.clock
        stream.options = dict(FAST.get(self.video.codec, {}))
        if self.video.parameters_in_band:
            stream.codec_context.flags &= ~int(av.codec.context.Flags.global_header)
        return stream

    def _encoded(self, stream: VideoStream) -> list[Packet[Any]]:
        assert self.video
        packets = []
        for number, ticks in enumerate(self.video.ticks):
            frame = frame_of(self.video.draw(number))
            frame.pts, frame.time_base = ticks, self.video.clock
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for packet in packets:
            self.change(packet)
        return packets

    def _audio(self, output: OutputContainer) -> AudioStream:
        assert self.audio
        stream = output.add_stream(self.audio.codec, rate=RATE)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        return stream

    def _heard(self, stream: AudioStream) -> list[Packet[Any]]:
        assert self.audio
        packets = []
        for start, wave in self.audio.pieces:
            for at in range(0, len(wave), 960):
                piece = wave[at : at + 960]
                frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), "s16", "mono")
                frame.sample_rate, frame.pts = RATE, start + at
                frame.time_base = Fraction(1, RATE)
                packets += stream.encode(frame)
        return packets + stream.encode(None)


def frame_of(luma: Plane) -> av.VideoFrame:
    """A grey frame."""
    grey = np.full((luma.shape[0] // 2, luma.shape[1]), 128, np.uint8)
    return av.VideoFrame.from_ndarray(np.vstack([luma, grey]), format="yuv420p")


def _decoding_time(packet: Packet[Any]) -> float:
    ticks = packet.dts if packet.dts is not None else packet.pts
    assert ticks is not None
    return float(ticks * packet.time_base)
