"""CPU that images and a sprite take of a minute of 720p, as a share of a core.

``python -m tests.kit.recordings.images_cost [--pipeline mp4] [--interval 10] [--format webp]``
encodes a minute with one of the pipelines, as a recording does, and gives it to the output.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from orchestrator.encoding.pipeline.command import command
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.encoding.process.capabilities import find_ffmpeg
from orchestrator.outputs.specs import ImagesOutput
from orchestrator.worker.outputs.images.keyframes import Keyframes, container_of
from orchestrator.worker.outputs.images.output import LOOK_S, SPRITE_S
from orchestrator.worker.outputs.images.shots import Shots
from orchestrator.worker.segments.segment_positions import SegmentPosition, write_position

SECONDS: Final = 60


async def encoded(name: str, folder: Path) -> Path:
    """A minute of a moving test chart with a tone, 1280x720 at 30 frames a second."""
    pipeline = Pipelines.load(None).get(name)
    ffmpeg = await find_ffmpeg(None, pipeline.encoders)
    source, path = folder / "source.nut", folder / f"0001{pipeline.segment_suffix}"
    chart = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30"]
    tone = ["-f", "lavfi", "-i", "sine=r=48000", "-ac", "2", "-t", str(SECONDS)]
    raw = ["-c:v", "rawvideo", "-c:a", "pcm_s16le", "-f", "nut"]
    argv = command(
        pipeline,
        ffmpeg=ffmpeg,
        source=str(source),
        output=str(path),
        width=1280,
        height=720,
        video_bitrate_bps=4_000_000,
        audio_bitrate_bps=128_000,
        speed=len(pipeline.speeds) - 1,
        threads=2,
        tags={},
    )
    made = [str(ffmpeg.path), "-v", "error", *chart, *tone, "-pix_fmt", "yuv420p", *raw]
    await asyncio.to_thread(subprocess.run, [*made, "-y", str(source)], check=True)
    await asyncio.to_thread(subprocess.run, argv, check=True)
    write_position(path, SegmentPosition(0.0, 1))
    return path


async def main() -> None:
    """Prints what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipeline", default="mp4")
    parser.add_argument("--interval", type=float, default=10)
    parser.add_argument("--format", default="jpeg", choices=["jpeg", "webp"])
    parser.add_argument("--scenes", action="store_true")
    given = parser.parse_args()
    spec = ImagesOutput(
        type="images",
        interval_s=given.interval,
        format=given.format,
        scene_changes=given.scenes,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = await encoded(given.pipeline, Path(folder))
        container = container_of(Pipelines.load(None).get(given.pipeline))
        shots = Shots(spec, Keyframes(container, -1.0), Path(folder), 0)
        began_s = time.thread_time()
        more, sizes = True, []
        while more:
            made, more = shots.next([path], last=True)
            sizes += [len(shot.data) for shot in made]
        images_s = time.thread_time() - began_s
        sheet = b""
        for _ in range(round(SECONDS / SPRITE_S)):
            sheet = shots.sprite.sheet()
        sprite_s = time.thread_time() - began_s - images_s
        for _ in range(round(SECONDS / LOOK_S)):
            shots.next([path])
        looks_s = time.thread_time() - began_s - images_s - sprite_s
    print(f"{len(sizes)} images of {sum(sizes) / len(sizes) / 1000:.0f} kB")
    print(f"{len(shots.sprite.tiles)} small ones, the sprite has {len(sheet) / 1000:.0f} kB")
    print(f"keyframes and images {images_s / SECONDS:.4f} cores")
    print(f"sprites {sprite_s / SECONDS:.4f} cores, looks {looks_s / SECONDS:.4f} cores")
    print(f"together {(images_s + sprite_s + looks_s) / SECONDS:.4f} cores")


if __name__ == "__main__":
    asyncio.run(main())
