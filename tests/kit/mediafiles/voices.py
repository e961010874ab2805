"""Copies with several microphones, each a tone of its own, and what is heard in their HLS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt

from orchestrator.fragments.packets import packets
from orchestrator.hls.run import SegmentRun
from orchestrator.media import SECOND_NS
from orchestrator.stream_copy.packet_muxer import PacketMuxer
from orchestrator.stream_copy.track import Packet
from tests.kit.encoded.frames import (
    audio_frames,
    camera,
    in_order,
    microphone,
    video_frames,
    video_packets,
)

RATE: Final = 48_000
PEAK: Final = 8000 / 2**15
"""Of each tone (`tests.kit.encoded.frames.audio_frames`)."""
Wave = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Voice:
    """A microphone."""

    hertz: int
    spans: Sequence[tuple[float, float]] = ((0.0, 10.0),)
    """From when to when it sends, in seconds."""
    codec: str = "opus"
    drift: float = 0.0
    """By which share its clock is slow."""
    late_s: float = 0.0
    """By how much its packets come later than others of their time."""

    def packets(self) -> Iterator[Packet]:
        """Each at its time."""
        track = microphone(self.codec, f"{self.hertz}")
        for begin_s, end_s in self.spans:
            count = round((end_s - begin_s) * 50)
            for number, frame in enumerate(audio_frames(self.codec, count, hertz=self.hertz)):
                at_s = begin_s + number * 0.02 * (1 + self.drift)
                yield Packet(track, round(at_s * SECOND_NS), frame)


def call(path: Path, *voices: Voice, seconds: int = 10, video: str = "h264") -> Iterator[None]:
    """Writes a copy of a camera and these; who comes late gets a track then. Steps by a second."""
    frames = video_frames(video, 30 * seconds, keyframe_every=60)
    late = {str(voice.hertz): voice.late_s for voice in voices}
    given = in_order(video_packets(camera(video), frames), *(each.packets() for each in voices))
    given.sort(key=lambda one: one.time_ns + late.get(one.track.name, 0.0) * SECOND_NS)
    muxer = PacketMuxer(path, "matroska", {given[0].track: given[0].frame}, zero_ns=0, tags={})
    second = 0
    for packet in given:
        if packet.track not in muxer.tracks:
            muxer.add_track(packet.track, packet.frame)
        muxer.write(packet)
        if packet.time_ns >= second * SECOND_NS:
            second += 1
            yield
    muxer.close()


def written(path: Path, *voices: Voice, seconds: int = 10, video: str = "h264") -> Path:
    """The whole file."""
    for _ in call(path, *voices, seconds=seconds, video=video):
        pass
    return path


def run_of(path: Path) -> SegmentRun:
    """HLS of a copy that is whole."""
    run = SegmentRun(1, path, "matroska", 0.0, True)
    run.poll(last=True)
    return run


def is_seamless(run: SegmentRun, data: Sequence[bytes]) -> bool:
    """Whether each packet of audio begins at the sample at which the one before ends."""
    ends: set[int] = set()
    for piece, one in zip(run.pieces, data, strict=True):
        for packet in packets(run.inits[piece.header], one, "mp4"):
            if packet.stream.type == "audio":
                if ends and packet.pts not in ends:
                    return False
                ends = {(packet.pts or 0) + (packet.duration or 0)}
    return bool(ends)


def audio_of(init: bytes, data: bytes) -> list[tuple[int | None, bytes]]:
    """A piece's packets of audio with their times."""
    found = packets(init, data, "mp4")
    return [(each.pts, bytes(each)) for each in found if each.stream.type == "audio"]


def heard_in(run: SegmentRun, data: Sequence[bytes]) -> Wave:
    """What a player hears of pieces with one header, from the first sample on."""
    path = run.path.with_suffix(".played.mp4")
    path.write_bytes(b"".join([run.inits[-1], *data]))
    return decoded(path)


def decoded(path: Path, audio: int = 0) -> Wave:
    """An audio track's left channel."""
    resampler, parts = av.AudioResampler("fltp", "stereo", RATE), []
    with av.open(str(path)) as file:
        for frame in file.decode(audio=audio):
            frame.pts = None
            parts += [made.to_ndarray()[0] for made in resampler.resample(frame)]
    return np.concatenate(parts)


def level(wave: Wave, hertz: int, begin_s: float, end_s: float) -> float:
    """How strong a tone is in a part, as its peak."""
    part = wave[round(begin_s * RATE) : round(end_s * RATE)]
    turning = np.exp(-2j * np.pi * hertz * np.arange(len(part)) / RATE)
    weights = np.hanning(len(part))
    return float(2 * abs(np.sum(part * turning * weights)) / np.sum(weights))


def rest(wave: Wave, *tones: int) -> Wave:
    """What is left of each 20 ms, from every 5 ms on, without these tones: its RMS."""
    size, step = RATE // 50, RATE // 200
    at = np.arange(size) / RATE
    waves = [turn(2 * np.pi * hertz * at) for hertz in tones for turn in (np.sin, np.cos)]
    basis = np.stack(waves, axis=1)
    own = np.eye(size) - basis @ np.linalg.pinv(basis)
    parts = np.stack([wave[n : n + size] for n in range(0, len(wave) - size, step)])
    left: Wave = np.sqrt(np.mean((parts @ own) ** 2, axis=1))
    return left


def treble(wave: Wave) -> Wave:
    """What is above 4 kHz in each 5 ms, as its RMS: clicks, where tones are lower."""
    spectrum = np.fft.rfft(wave)
    spectrum[: round(4000 * len(wave) / RATE)] = 0
    high = np.fft.irfft(spectrum, len(wave))
    size = RATE // 200
    parts = high[: len(high) // size * size].reshape(-1, size)
    loud: Wave = np.sqrt(np.mean(parts[20:-20] ** 2, axis=1))  # its ends are cut
    return loud
