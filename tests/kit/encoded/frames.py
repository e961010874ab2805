"""Encoded frames as publishers send them, made by FFmpeg's encoders.

Video shows its number: the brightness of a frame tells which one it is. Audio is a tone.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Any, Final

import av
import numpy as np
from av.video.frame import PictureType

from orchestrator.media import AUDIO_RATE, SECOND_NS, EncodedFrame, TrackKind
from orchestrator.stream_copy.track import Packet, Track

_VIDEO_ENCODERS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "vp8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "av1": ("libsvtav1", {"preset": "12", "svtav1-params": "pred-struct=1:lookahead=0"}),
    "h264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}),
    "h265": (
        "libx265",
        {"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=0"},
    ),
}
_AUDIO_ENCODERS: Final = {
    "opus": ("libopus", AUDIO_RATE, "stereo"),
    "pcmu": ("pcm_mulaw", 8000, "mono"),
    "pcma": ("pcm_alaw", 8000, "mono"),
    "g722": ("g722", 16_000, "mono"),
}
_PACKET_S: Final = Fraction(1, 50)


def grey_of(number: int) -> int:
    """The brightness of a frame, by its number modulo 20."""
    return 30 + 10 * (number % 20)


@cache
def video_frames(
    codec: str,
    count: int,
    *,
    size: tuple[int, int] = (160, 120),
    keyframe_every: int = 15,
    options: tuple[tuple[str, str], ...] = (),
) -> tuple[EncodedFrame, ...]:
    """`count` frames in the order of decoding, one brightness each (`grey_of`)."""
    context, own = _video_encoder(codec, size)
    context.thread_count = 1
    context.options = {**own, **dict(options)}
    packets = []
    for number in range(count):
        frame = _grey(grey_of(number), size)
        frame.pts = number
        key = number % keyframe_every == 0
        frame.pict_type = PictureType.I if key else PictureType.NONE
        packets += context.encode(frame)
    packets += context.encode(None)
    return _video_frames(codec, size, packets)


@cache
def noisy_video_frames(
    codec: str, count: int, *, size: tuple[int, int], bitrate_bps: int
) -> tuple[EncodedFrame, ...]:
    """`count` frames that keep to a bit rate: noise that changes; one keyframe."""
    context, own = _video_encoder(codec, size)
    context.bit_rate, context.gop_size = bitrate_bps, count
    rates = {"minrate": str(bitrate_bps), "maxrate": str(bitrate_bps), "bufsize": str(bitrate_bps)}
    context.options = {**own, **rates}
    random, packets = np.random.default_rng(1), []
    for number in range(count):
        planes = random.integers(60, 190, (size[1] * 3 // 2, size[0]), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    return _video_frames(codec, size, packets)


@cache
def audio_frames(codec: str, count: int, *, hertz: float = 440.0) -> tuple[EncodedFrame, ...]:
    """`count` packets of 20 ms."""
    name, rate, layout = _AUDIO_ENCODERS[codec]
    context: Any = av.CodecContext.create(name, "w")
    context.sample_rate, context.layout, context.format = rate, layout, "s16"
    context.open()
    step = int(rate * _PACKET_S)
    packets = []
    for number in range(count + 1):
        at = np.arange(number * step, (number + 1) * step) / rate
        tone = (8000 * np.sin(2 * np.pi * hertz * at)).astype(np.int16)
        channels = 2 if layout == "stereo" else 1
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, channels)[None, :], "s16", layout)
        frame.sample_rate, frame.pts = rate, number * step
        packets += context.encode(frame)
    return tuple(
        EncodedFrame(codec=codec, data=bytes(packet), duration_ns=int(_PACKET_S * SECOND_NS))
        for packet in packets[:count]
    )


def video_packets(
    track: Track, frames: tuple[EncodedFrame, ...], *, start_s: float = 0.0, fps: float = 30.0
) -> Iterator[Packet]:
    """The frames at an even rate."""
    for number, frame in enumerate(frames):
        yield Packet(track, round((start_s + number / fps) * SECOND_NS), frame)


def audio_packets(
    track: Track, frames: tuple[EncodedFrame, ...], *, start_s: float = 0.0
) -> Iterator[Packet]:
    """One after the other."""
    for number, frame in enumerate(frames):
        yield Packet(track, round((start_s + number * _PACKET_S) * SECOND_NS), frame)


def in_order(*packets: Iterator[Packet]) -> list[Packet]:
    """Of several tracks, by time."""
    return sorted((one for track in packets for one in track), key=lambda one: one.time_ns)


def camera(codec: str, name: str = "alice camera") -> Track:
    return Track(name, TrackKind.VIDEO, codec)


def microphone(codec: str = "opus", name: str = "alice microphone") -> Track:
    return Track(name, TrackKind.AUDIO, codec)


def _video_encoder(codec: str, size: tuple[int, int]) -> tuple[Any, dict[str, str]]:
    """Not yet open, with the options of its own that it needs."""
    name, own = _VIDEO_ENCODERS[codec]
    context: Any = av.CodecContext.create(name, "w")
    context.width, context.height = size
    context.pix_fmt, context.time_base = "yuv420p", Fraction(1, 30)
    return context, own


def _video_frames(
    codec: str, size: tuple[int, int], packets: list[Any]
) -> tuple[EncodedFrame, ...]:
    return tuple(
        EncodedFrame(
            codec=codec,
            data=bytes(packet),
            keyframe=packet.is_keyframe,
            width=size[0] if packet.is_keyframe else 0,
            height=size[1] if packet.is_keyframe else 0,
        )
        for packet in packets
    )


def _grey(value: int, size: tuple[int, int]) -> av.VideoFrame:
    width, height = size
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = value
    return av.VideoFrame.from_ndarray(planes, "yuv420p")
