"""How long the end of an hour's file takes: ffmpeg's own, and the look at what it made.

./scripts/bench hour [PIPELINE]

The hour goes through the recorder's writer and pipe as fast as ffmpeg takes it: small frames and
noise, as many of both as in an hour, since an index grows with their number.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from orchestrator.encoding.pipeline.command import Pipeline, Pipelines, command
from orchestrator.encoding.process.capabilities import find_ffmpeg
from orchestrator.media import AUDIO_RATE
from orchestrator.mediafiles.probe import probe
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.fifo import Fifo
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.pipes.timeline_items import AudioItem, VideoItem
from orchestrator.pipes.writer import SegmentWriter
from tests.kit.signals.codes import draw

FPS, HOUR_S = 30, 3600
SIZE: Final = CanvasSize(160, 96)
SAMPLES: Final = AUDIO_RATE // FPS
WAITING: Final = 2**24
"""Bytes in the queue above which the next frame waits: none is to be thinned out."""


def fill(queue: FrameQueue) -> None:
    """An hour's frames, numbered anew every ten seconds, and its audio."""
    how = {"width": SIZE.width, "height": SIZE.height, "fps": FPS}
    frames = [draw(code, **how) for code in range(10 * FPS)]
    noise = np.random.default_rng(1).normal(0, 3000, (SAMPLES, 2)).astype(np.int16)
    for number in range(HOUR_S * FPS):
        while queue.statistics().waiting_bytes > WAITING:
            time.sleep(0.002)
        queue.put_nowait(VideoItem(number * 90_000 // FPS, frames[number % len(frames)]))
        queue.put_nowait(AudioItem(number * SAMPLES, SAMPLES, noise))
    queue.close()


def measure(pipeline: Pipeline, folder: Path) -> None:
    """Records the hour, and prints how long its end took."""
    queue, pipe = FrameQueue(4 * WAITING), folder / "in.nut"
    output = folder / f"hour{pipeline.segment_suffix}"
    writer = SegmentWriter(Fifo(pipe), queue, SIZE, open_timeout_s=10, on_first=lambda: None)
    argv = command(
        pipeline,
        ffmpeg=asyncio.run(find_ffmpeg(None, pipeline.encoders)),
        source=str(pipe),
        output=str(output),
        width=SIZE.width,
        height=SIZE.height,
        video_bitrate_bps=300_000,
        audio_bitrate_bps=64_000,
        speed=len(pipeline.speeds) - 1,
    )
    ffmpeg = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    writer.start()
    fill(queue)
    writer.join()
    fed = time.monotonic()
    code = ffmpeg.wait()
    ended = time.monotonic()
    found = probe(output)
    looked = time.monotonic()
    print(
        f"{pipeline.name}: {found.duration_s:.1f} s, {found.size_bytes / 1e6:.0f} MB, exit {code}"
    )
    print(f"from the end of the pipe to ffmpeg's exit: {ended - fed:.3f} s")
    print(f"both ends read and decoded: {looked - ended:.3f} s; {found.problem or 'whole'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pipeline", nargs="?", default="mp4")
    chosen = Pipelines.load(None).get(parser.parse_args().pipeline)
    with tempfile.TemporaryDirectory(prefix="haven-hour-") as name:
        measure(chosen, Path(name))
