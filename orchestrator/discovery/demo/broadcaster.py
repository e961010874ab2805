"""Encodes the demo once for all its viewers, ahead of time, and sends its packets on time.

A thread encodes packets up to a second early, so that a busy machine delays none of them. They are
released at exactly their PTS, so that sender reports (RFC 3550 §6.4.1), which pair an RTP time with
the time of sending, are true. Nothing is encoded while there are no viewers.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from heapq import merge
from typing import Any, Final

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from orchestrator.discovery.demo.frames import FPS, HEIGHT, SAMPLES, WIDTH, Beeps, VideoPattern
from orchestrator.media import AUDIO_RATE, AUDIO_TIME_BASE, VIDEO_TIME_BASE, TrackKind

LEAD_S: Final = 1.0
START_S: Final = 0.1
"""How far ahead the first packet is encoded; from there the lead grows up to `LEAD_S`."""

LATE_S: Final = 2.0
"""Packets that would be later than this are skipped; less late ones are sent late."""

BATCH_S: Final = 0.1
VIDEO_BITRATE_BPS: Final = 2_500_000
AUDIO_BITRATE_BPS: Final = 96_000
QUEUE_PACKETS: Final = 64


@dataclass(frozen=True, slots=True)
class Item:
    """One encoded packet and its due time, in seconds since the program's start."""

    due_s: float
    kind: TrackKind
    packet: av.Packet[Any]


class SharedTrack(MediaStreamTrack):
    """One viewer's end of the shared encoder: a bounded queue of encoded packets."""

    def __init__(self, kind: TrackKind) -> None:
        super().__init__()
        self.kind = kind.value
        self.dropped = 0
        self._packets: asyncio.Queue[av.Packet[Any]] = asyncio.Queue(QUEUE_PACKETS)
        self._needs_keyframe = kind is TrackKind.VIDEO

    def put(self, packet: av.Packet[Any]) -> None:
        """Queues a packet; if the viewer doesn't keep up, drops up to the next keyframe."""
        if self._needs_keyframe and not packet.is_keyframe:
            return
        try:
            self._packets.put_nowait(packet)
        except asyncio.QueueFull:
            self.dropped += 1
            self._needs_keyframe = self.kind == TrackKind.VIDEO
        else:
            self._needs_keyframe = False

    async def recv(self) -> av.Packet[Any]:
        """The next packet (called by aiortc's sender)."""
        if self.readyState != "live":
            raise MediaStreamError
        return await self._packets.get()


class Program:
    """Video and audio as encoded packets, from any time on. Blocking: runs in a thread."""

    def __init__(self, start: datetime) -> None:
        self._pattern = VideoPattern(start)
        self._beeps = Beeps()
        self._video = _video_encoder()
        self._audio = _audio_encoder()
        self._begun = False

    def produce(self, start_s: float, end_s: float) -> list[Item]:
        """All packets that are due from `start_s` until before `end_s`, in order."""
        by_due_time = merge(
            self._video_items(start_s, end_s),
            self._audio_items(start_s, end_s),
            key=lambda item: item.due_s,
        )
        return list(by_due_time)

    def _video_items(self, start_s: float, end_s: float) -> Iterator[Item]:
        for number in _numbers(start_s, end_s, Fraction(1, FPS)):
            frame = self._pattern.frame(number)
            frame.pts = number * int(1 / VIDEO_TIME_BASE) // FPS
            frame.time_base = VIDEO_TIME_BASE
            # A keyframe at each flash: a viewer that lost packets recovers within a second.
            if number % FPS == 0 or not self._begun:
                frame.pict_type = PictureType.I
                self._begun = True
            for packet in self._video.encode(frame):
                yield Item(_due_s(packet), TrackKind.VIDEO, packet)

    def _audio_items(self, start_s: float, end_s: float) -> Iterator[Item]:
        for number in _numbers(start_s, end_s, Fraction(SAMPLES, AUDIO_RATE)):
            frame = self._beeps.frame(number)
            frame.pts = number * SAMPLES
            frame.time_base = AUDIO_TIME_BASE
            for packet in self._audio.encode(frame):
                yield Item(_due_s(packet), TrackKind.AUDIO, packet)


def _numbers(start_s: float, end_s: float, step: Fraction) -> range:
    """Numbers of the frames that begin in [start, end)."""
    return range(math.ceil(start_s / step), math.ceil(end_s / step))


def _due_s(packet: av.Packet[Any]) -> float:
    assert packet.pts is not None
    return float(packet.pts * packet.time_base)


def _video_encoder() -> VideoCodecContext:
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base = VIDEO_TIME_BASE
    encoder.framerate = Fraction(FPS)
    encoder.bit_rate = VIDEO_BITRATE_BPS
    encoder.gop_size = FPS
    encoder.thread_count = 1
    encoder.options = {
        "deadline": "realtime",
        "cpu-used": "12",  # flat areas and one moving block: faster search costs no quality here
        "lag-in-frames": "0",
        "static-thresh": "100",  # leaves blocks alone in which nothing moved
        "max-intra-rate": "900",
    }
    return encoder


def _audio_encoder() -> AudioCodecContext:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = AUDIO_RATE, "stereo", "s16"
    encoder.time_base = AUDIO_TIME_BASE
    encoder.bit_rate = AUDIO_BITRATE_BPS
    # application=audio: the default; voip would filter the tone. 20 ms packets (RFC 7587 §4.2).
    encoder.options = {"application": "audio", "frame_duration": "20"}
    return encoder


class Broadcaster:
    """Sends the program to all viewers; encodes only while there are some."""

    def __init__(self) -> None:
        wall_s = time.time()
        self._base = time.monotonic() - wall_s % 1
        self._start = datetime.fromtimestamp(int(wall_s)).astimezone()
        self._viewers: set[tuple[SharedTrack, SharedTrack]] = set()
        self._task: asyncio.Task[None] | None = None
        self.skipped_s = 0.0

    def add(self, tracks: tuple[SharedTrack, SharedTrack]) -> None:
        """Begins to send packets to a viewer, from the next keyframe on."""
        self._viewers.add(tracks)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._produce())

    def remove(self, tracks: tuple[SharedTrack, SharedTrack]) -> None:
        """Stops sending to a viewer; unknown ones are ignored."""
        self._viewers.discard(tracks)

    async def close(self) -> None:
        """Returns when nothing is encoded any more."""
        self._viewers.clear()
        if self._task is not None:
            await self._task

    async def _produce(self) -> None:
        program = await asyncio.to_thread(Program, self._start)
        next_s = self._now_s() + START_S
        while self._viewers:
            if self._now_s() - next_s > LATE_S:  # the machine can't keep up: skip some
                self.skipped_s += self._now_s() + START_S - next_s
                next_s = self._now_s() + START_S
            end_s = next_s + BATCH_S
            for item in await asyncio.to_thread(program.produce, next_s, end_s):
                self._release(item)
            next_s = end_s
            await asyncio.sleep(next_s - LEAD_S - self._now_s())

    def _now_s(self) -> float:
        return time.monotonic() - self._base

    def _release(self, item: Item) -> None:
        delay_s = item.due_s - self._now_s()
        asyncio.get_running_loop().call_later(delay_s, self._deliver, item)

    def _deliver(self, item: Item) -> None:
        for audio, video in self._viewers:
            (audio if item.kind is TrackKind.AUDIO else video).put(item.packet)
