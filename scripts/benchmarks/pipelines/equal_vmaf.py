"""How many bytes later profiles take for the VMAF of a live pipeline, on the same film.

./scripts/bench equal-vmaf [CLIP] [--live av1] [--pipelines av1-svt,av1,webm] [--rates 1000000]

Without a clip the film is the one that calibration uses. The live pipeline's command is run at its
usual step, for each rate that is asked for. Each later profile encodes the same frames with the
CRFs of its qualities, and with further ones until the live VMAF lies between two of them; bytes at
that VMAF are interpolated, their logarithm along a line. Only video is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av
from rich.console import Console
from rich.table import Table

from orchestrator.encoding.pipeline.calibration import FILM, measure
from orchestrator.encoding.pipeline.command import Job, Pipeline, Pipelines
from orchestrator.encoding.pipeline.film import FPS
from orchestrator.encoding.pipeline.film_frames import write
from orchestrator.encoding.pipeline.later import require_later
from orchestrator.encoding.process.capabilities import FFmpeg, find_ffmpeg
from orchestrator.settings import Settings
from orchestrator.transcoding.request import TranscodingRequest
from orchestrator.transcoding.transcode import transcode
from scripts.benchmarks.pipelines.steps import converted
from scripts.benchmarks.pipelines.vmaf import vmaf

SECONDS: Final = 5
STEP: Final = 5
"""Between two CRFs, beyond those of the qualities."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one setting makes of the film."""

    setting: str
    kbit_s: float
    vmaf: float


def kbit_s(made: Path) -> float:
    """Of the video, at 30 frames a second."""
    with av.open(str(made)) as file:
        sizes = [packet.size for packet in file.demux(video=0) if packet.size]
    return 8 * sum(sizes) * FPS / 1000 / len(sizes)


def at_equal_vmaf(points: Sequence[Point], wanted: float) -> float | None:
    """The rate at which it has this VMAF; None if it is not between two points."""
    ordered = sorted(points, key=lambda point: point.vmaf)
    for low, high in pairwise(ordered):
        if low.vmaf <= wanted <= high.vmaf and low.vmaf < high.vmaf:
            share = (wanted - low.vmaf) / (high.vmaf - low.vmaf)
            logarithm = math.log(low.kbit_s) * (1 - share) + math.log(high.kbit_s) * share
            return math.exp(logarithm)
    return None


def at_rate(pipeline: Pipeline, rate_bps: int) -> Pipeline:
    """The same pipeline, whatever bit rate it is asked for."""
    own = pipeline.build
    assert own is not None, "it encodes"

    def build(job: Job) -> Any:
        return own(replace(job, video_bitrate_bps=rate_bps))

    return replace(pipeline, build=build)


@dataclass(frozen=True, slots=True)
class Bench:
    """The film in a folder, and the ffmpeg that encodes it."""

    ffmpeg: FFmpeg
    folder: Path

    @property
    def sent(self) -> Path:
        """Its frames."""
        return self.folder / "film.nut"

    def judged(self, setting: str, made: Path) -> Point:
        """What came of it; the file is removed."""
        worth = vmaf(self.ffmpeg.path, made, self.sent)
        assert worth is not None, "this ffmpeg has no libvmaf"
        point = Point(setting, kbit_s(made), worth)
        made.unlink()
        Console(stderr=True).print(point)
        return point

    async def live(self, pipeline: Pipeline, rate_bps: int, frames: int) -> Point:
        """The recording's command at the usual step."""
        film = replace(FILM, frames=frames)
        step = pipeline.default_speed
        await measure(at_rate(pipeline, rate_bps), step, self.ffmpeg, self.folder, film)
        made = self.folder / f"made{pipeline.segment_suffix}"
        return await asyncio.to_thread(self.judged, f"{rate_bps // 1000} kbit/s asked", made)

    async def later(self, pipeline: Pipeline, wanted: Sequence[float]) -> list[Point]:
        """With the CRFs of its qualities, and on until all that is wanted lies between two."""
        later = require_later(pipeline, {})
        names: Mapping[int, str] = {crf: name for name, crf in later.crfs.items()}
        found = [await self._at_crf(pipeline, crf, f"crf {crf} ({names[crf]})") for crf in names]
        best, worst = min(names), max(names)
        while best > 0 and max(wanted) > max(point.vmaf for point in found):
            best = max(best - STEP, 0)
            found.append(await self._at_crf(pipeline, best, f"crf {best}"))
        while worst < later.largest_crf and min(wanted) < min(point.vmaf for point in found):
            worst = min(worst + STEP, later.largest_crf)
            found.append(await self._at_crf(pipeline, worst, f"crf {worst}"))
        return found

    async def _at_crf(self, pipeline: Pipeline, crf: int, setting: str) -> Point:
        output = self.folder / f"later{pipeline.segment_suffix}"
        request = TranscodingRequest(self.sent, pipeline.name, crf=crf, output=output)
        await transcode(request, Settings(disk_reserve_bytes=0))
        return await asyncio.to_thread(self.judged, f"{pipeline.name} {setting}", output)


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """All of it, in a folder that is gone afterwards."""
    known = Pipelines.load(None)
    live = known.get(arguments.live)
    pipelines = [known.get(name) for name in arguments.pipelines.split(",")]
    needed = live.encoders.union(*(pipeline.encoders for pipeline in pipelines))
    with tempfile.TemporaryDirectory(prefix="haven-equal-vmaf-") as name:
        bench = Bench(await find_ffmpeg(None, needed), Path(name))
        film = replace(FILM, frames=SECONDS * FPS)
        if arguments.clip is None:
            await asyncio.to_thread(write, film, bench.sent)
        else:
            film = await asyncio.to_thread(converted, arguments.clip, bench.sent)
        rates = [int(rate) for rate in arguments.rates.split(",")]
        lives = [await bench.live(live, rate, film.frames) for rate in rates]
        wanted = [point.vmaf for point in lives]
        return {"live": lives, **{p.name: await bench.later(p, wanted) for p in pipelines}}


def show(found: Mapping[str, Sequence[Point]], live: str) -> None:
    """A row for each setting, and a column with the ratio to each live one."""
    lives = found["live"]
    table = Table("setting", "kbit/s", "VMAF", title=f"{live}, live, and later profiles")
    for points in found.values():
        for point in points:
            table.add_row(point.setting, f"{point.kbit_s:.0f}", f"{point.vmaf:.2f}")
    Console().print(table)
    for name, points in found.items():
        for one in lives if name != "live" else ():
            equal = at_equal_vmaf(points, one.vmaf)
            said = "not reached" if equal is None else f"{equal / one.kbit_s:.3f} of its bytes"
            Console().print(f"{name} at the VMAF of {live}, {one.setting}: {said}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, nargs="?")
    parser.add_argument("--live", default="av1", help="the live pipeline, by name")
    parser.add_argument("--pipelines", default="av1-svt", help="later profiles, by name")
    parser.add_argument("--rates", default="1000000,2000000", help="asked of the live one, bit/s")
    parser.add_argument("--json", type=Path, help="also write the points into this file")
    given = parser.parse_args()
    measured = asyncio.run(run(given))
    if given.json:
        plain = {
            k: [[p.setting, p.kbit_s, p.vmaf] for p in points] for k, points in measured.items()
        }
        given.json.write_text(json.dumps(plain, indent=2) + "\n")
    show(measured, given.live)
