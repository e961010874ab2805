"""Measures a chunk's VMAF against the source, frame by frame, with ffmpeg's libvmaf."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import ffmpeg as ffmpeg_python

from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.errors import EncodingFailed, Unavailable
from orchestrator.transcoding.chunks.command import GLOBAL_OPTIONS, reference
from orchestrator.transcoding.chunks.plan import Chunk
from orchestrator.transcoding.chunks.record import (
    ChunkRecord,
    video_path,
    with_vmaf,
    write_record,
)
from orchestrator.transcoding.chunks.run import ChunkEncoder, failed, run_to_end
from orchestrator.transcoding.threads import to_its_end

# Both are said to have one color, or ffmpeg would convert one of them first.
_SAME = {
    "range": "tv",
    "colorspace": "bt709",
    "color_primaries": "bt709",
    "color_trc": "bt709",
}


async def require_libvmaf(ffmpeg: FFmpeg) -> None:
    """Unavailable if this ffmpeg can't measure it."""
    asked = await to_its_end(
        subprocess.run,
        [str(ffmpeg.path), "-hide_banner", "-filters"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=dict(ffmpeg.environment),
        timeout=15,
        check=False,
    )
    if b" libvmaf " not in asked.stdout:
        raise Unavailable(
            f"The ffmpeg at {ffmpeg.path} can't measure VMAF: it has no libvmaf.",
            "Leave --vmaf out, or unset ORCHESTRATOR_FFMPEG to use the bundled ffmpeg.",
        )


async def measure(encoder: ChunkEncoder, chunk: Chunk, record: ChunkRecord) -> ChunkRecord:
    """The record with the chunk's VMAF, which is kept, too."""
    log = video_path(encoder.folder, chunk.number).with_suffix(".vmaf")
    argv = _command(encoder, chunk, record, log)
    run = Run(argv, log.with_suffix(".log"), environment=encoder.ffmpeg.environment, idle=True)
    try:
        result = await run_to_end(run, lambda: None)
        if result.returncode != 0:
            raise failed("VMAF can't be measured", result)
        measured = with_vmaf(record, *await to_its_end(_read, log, len(record.times)))
        await to_its_end(write_record, encoder.folder, measured)
    finally:
        for path in (log, run.log_path):
            await to_its_end(path.unlink, missing_ok=True)
    return measured


def _command(encoder: ChunkEncoder, chunk: Chunk, record: ChunkRecord, log: Path) -> list[str]:
    made = ffmpeg_python.input(str(video_path(encoder.folder, record.number)))["v:0"]
    source = reference(encoder.video_input, encoder.target, chunk)
    # Frame by frame: both have the same ones.
    both = [
        each.filter("settb", "1/30").filter("setpts", "N").filter("setparams", **_SAME)
        for each in (made, source)
    ]
    measuring = {"log_fmt": "json", "log_path": str(log), "n_threads": encoder.target.threads}
    compared = ffmpeg_python.filter(both, "libvmaf", **measuring)
    arguments = ffmpeg_python.get_args(ffmpeg_python.output(compared, "-", f="null"))
    return [str(encoder.ffmpeg.path), *GLOBAL_OPTIONS, *map(str, arguments)]


def _read(log: Path, frames: int) -> tuple[float, float]:
    """The mean of all frames and the worst one's."""
    read = json.loads(log.read_text("utf-8"))
    if len(read["frames"]) != frames:
        raise EncodingFailed(
            f"VMAF was measured for {len(read['frames'])} of {frames} frames.",
            "The source is kept; leave --vmaf out.",
        )
    pooled = read["pooled_metrics"]["vmaf"]
    return float(pooled["mean"]), float(pooled["min"])
