"""The quality of a video (VMAF, by ffmpeg's libvmaf); part of ./scripts/bench."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from orchestrator.encoding.pipeline.film import FPS

# Both are said to have one color, or ffmpeg would convert one of them first.
_SAME = "range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"


def vmaf(
    ffmpeg: Path, made: Path, sent: Path, *, every: int = 1, most: int | None = None
) -> float | None:
    """The mean of a file's frames against those sent, one by one; None without libvmaf.

    Of `every` third frame, say, and of the first `most` only. Blocking.
    """
    log = sent.with_name("vmaf.json")
    log.unlink(missing_ok=True)
    trimmed = f"trim=end_frame={most}," if most else ""
    each = f"{trimmed}settb=1/{FPS},setpts=N,setparams={_SAME},format=yuv420p"
    measure = f"libvmaf=log_fmt=json:log_path={log}:n_threads=2:n_subsample={every}"
    graph = f"[0:v]{each}[a];[1:v]{each}[b];[a][b]{measure}"
    inputs = ["-i", str(made), "-i", str(sent)]
    argv = [str(ffmpeg), "-loglevel", "error", *inputs, "-lavfi", graph, "-an", "-f", "null", "-"]
    if subprocess.run(argv, capture_output=True, check=False).returncode or not log.exists():
        return None
    return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])
