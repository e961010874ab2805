"""How long a large file takes to be written anew with chapters, as after a pause.

``python -m tests.kit.mediafiles.chapters_time --mb 1000`` makes one of each kind and joins it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from orchestrator.encoding.joining.join import join
from orchestrator.encoding.joining.seam import Part
from orchestrator.stream_copy.packet_join import join_packets
from tests.kit.fakes import REAL_FFMPEG

KINDS: Final = {
    "mp4": ("libx264", ("-preset", "ultrafast"), "aac"),
    "mkv": ("libvpx", ("-deadline", "realtime", "-cpu-used", "8"), "libopus"),
}
"""Encoders of video, its options, and of audio: as an encoded recording has them, and a copy."""

LOOP_S: Final = 20
CHAPTERS: Final = 20


def _film(kind: str, target: Path, size: int) -> float:
    """Twenty seconds at 2 Mbit/s again and again, up to `size` bytes; how long they are."""
    video, options, audio = KINDS[kind]
    once = target.with_name(f"once.{kind}")
    # fmt: off
    _ffmpeg("-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30,noise=alls=20:allf=t",
            "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
            "-c:v", video, *options, "-g", "60", "-b:v", "2M", "-maxrate", "2M", "-bufsize", "2M",
            "-pix_fmt", "yuv420p", "-c:a", audio, "-t", str(LOOP_S), str(once))
    # fmt: on
    loops = -(-size // once.stat().st_size)
    moov = ("-movflags", "+hybrid_fragmented") if kind == "mp4" else ()
    _ffmpeg("-stream_loop", str(loops - 1), "-i", str(once), "-c", "copy", *moov, str(target))
    return float(loops * LOOP_S)


def _ffmpeg(*arguments: str) -> None:
    how = ("-hide_banner", "-nostdin", "-loglevel", "error", "-y")
    subprocess.run([str(REAL_FFMPEG.path), *how, *arguments], check=True)


async def _rewrite(kind: str, film: Path, output: Path, length_s: float) -> None:
    step_s = length_s / CHAPTERS
    chapters = [(step_s * number, f"After pause {number}") for number in range(CHAPTERS)]
    if kind == "mkv":
        await asyncio.to_thread(
            join_packets,
            [(film, 0.0)],
            output,
            "matroska",
            tags={},
            chapters=chapters,
            end_s=length_s,
        )
        return
    await join(
        REAL_FFMPEG,
        [Part(film, 0.0)],
        output,
        container="mp4",
        keep_video=True,
        keep_audio=True,
        tags={},
        log_path=output.with_suffix(".log"),
        chapters=chapters,
        end_s=length_s,
    )


def measured(kind: str, size: int, folder: Path) -> dict[str, Any]:
    """How long one of so many bytes takes."""
    film, output = folder / f"film.{kind}", folder / f"chapters.{kind}"
    length_s = _film(kind, film, size)
    began_s = time.monotonic()
    asyncio.run(_rewrite(kind, film, output, length_s))
    took_s = time.monotonic() - began_s
    figures = {
        "kind": kind,
        "megabytes": round(film.stat().st_size / 1e6),
        "length_s": length_s,
        "took_s": round(took_s, 1),
    }
    film.unlink()
    output.unlink()
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line of JSON for each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=1000)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        for kind in given.kinds.split(","):
            print(json.dumps(measured(kind, given.mb * 1_000_000, Path(name))), flush=True)


if __name__ == "__main__":
    main()
