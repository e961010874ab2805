"""What bit rate comes of film at some frame rate, through the recorder's own pipe and command.

Film is written as fast as ffmpeg takes it. Encoders plan by the frames' times, not by the clock
(nothing in the commands asks for that), so the file is the one of a live stream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from orchestrator.encoding.pipeline.command import Pipeline, command
from orchestrator.encoding.pipeline.film import FPS, Film
from orchestrator.encoding.pipeline.film_frames import frames_at
from orchestrator.encoding.process.capabilities import find_ffmpeg
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.ffmpeg_environment import passed_on
from orchestrator.media import AUDIO_RATE
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.fifo import Fifo
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.timeline_items import AudioItem, VideoItem
from orchestrator.pipes.writer import SegmentWriter

Pieces = Sequence[tuple[float, float]]
"""Seconds, and frames a second in them, one after the other."""

_WAITING_BYTES = 2**25
_AUDIO_KBPS = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """What is encoded, and at which bit rate."""

    width: int
    height: int
    bitrate_bps: int


def times_of(pieces: Pieces) -> list[float]:
    """When the frames of these pieces are shown."""
    begins, times = 0.0, list[float]()
    for seconds, fps in pieces:
        times += [begins + number / fps for number in range(round(seconds * fps))]
        begins += seconds
    return times


async def encoded(
    pipeline: Pipeline, asked: Asked, pieces: Pieces, folder: Path, *, expected_fps: float
) -> Path:
    """The file of one segment; the encoder expects `expected_fps` when it begins."""
    output = folder / f"{pipeline.name}{pipeline.segment_suffix}"
    size, queue = CanvasSize(asked.width, asked.height), FrameQueue(2**30)
    fifo = Fifo(folder / "pipe.nut")
    argv = command(
        pipeline,
        ffmpeg=await find_ffmpeg(None, pipeline.encoders),
        source=str(fifo.path),
        output=str(output),
        width=asked.width,
        height=asked.height,
        video_bitrate_bps=asked.bitrate_bps,
        audio_bitrate_bps=_AUDIO_KBPS * 1000,
        fps=expected_fps,
    )
    writer = SegmentWriter(
        fifo, queue, size, open_timeout_s=10, on_first=lambda: None, fps=expected_fps
    )
    run = Run(argv, folder / "log", environment=passed_on())
    await run.start()
    writer.start()
    await asyncio.to_thread(_feed, queue, asked, pieces)
    ending = await asyncio.wait_for(run.wait(), 120)
    assert ending.outcome == "finished", ending.stderr
    return output


def _feed(queue: FrameQueue, asked: Asked, pieces: Pieces) -> None:
    times = times_of(pieces)
    film = Film(asked.width, asked.height, round(sum(seconds for seconds, _ in pieces) * FPS))
    sample = 0
    for at_s, frame in zip(times, frames_at(film, times), strict=True):
        while sample <= at_s * AUDIO_RATE:
            queue.put_nowait(AudioItem(sample, AUDIO_RATE // 10, None))
            sample += AUDIO_RATE // 10
        queue.put_nowait(VideoItem(round(at_s * 90_000), frame))
        while queue.statistics().waiting_bytes > _WAITING_BYTES:
            time.sleep(0.001)
    queue.close()


def kbit_s(file: Path, begin_s: float, end_s: float) -> float:
    """Of the video between two moments."""
    with av.open(str(file)) as container:
        video = container.streams.video[0]
        packets = [
            (float((packet.pts or 0) * packet.time_base), packet.size)
            for packet in container.demux(video)
            if packet.size and packet.time_base
        ]
    sizes = [size for at_s, size in packets if begin_s <= at_s < end_s]
    return float(np.sum(sizes)) * 8 / (end_s - begin_s) / 1000
