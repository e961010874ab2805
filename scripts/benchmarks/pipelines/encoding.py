"""Our ffmpeg beside a bare one on the same raw frames, and the quality of the video (VMAF).

What is sent is encoded beforehand and kept, so that the file can be compared with just that. Film
of one's own (`--film`) is sent with numbers on its upper quarter; else it is numbers and a ramp.
"""

from __future__ import annotations

import asyncio
import itertools
import pickle
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np
from rich.console import Console
from rich.table import Table

from orchestrator.catalog.models import Recording
from orchestrator.encoding.pipeline.command import command
from orchestrator.encoding.pipeline.film import FPS
from orchestrator.encoding.pipeline.film_frames import write_nut
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.media import AUDIO_RATE, AUDIO_TIME_BASE
from orchestrator.recordings.start_request import QUALITIES, StartRequest
from orchestrator.server.manager import Manager
from scripts.benchmarks.pipelines.vmaf import vmaf
from scripts.benchmarks.receiving.receivers import SETTLE_S, watch
from tests.kit.livekit.publishing import publishing
from tests.kit.livekit.server import Server
from tests.kit.signals.codes import Encoder, beep, draw, paint
from tests.kit.signals.reading import read

WIDTH, HEIGHT = 1280, 720
ROOM: Final = "encoding"
SPARE_S: Final = 10
"""By how much the bare one's file is longer than it is looked at."""

COMPARED: Final = 300
"""Frames that VMAF looks at."""


@dataclass
class Encoding:
    """One pipeline, measured once."""

    pipeline: str
    ours_cores: float
    bare_cores: float
    ratio: float
    vmaf: float | None
    kbit_s: float
    frames_missing: int


class Film:
    """What is sent: so many seconds of VP8 with a keyframe each, also as a file for publishers."""

    def __init__(self, folder: Path, film: Path | None, seconds: int) -> None:
        encoder = Encoder("vp8", width=WIDTH, height=HEIGHT, fps=FPS)
        frames = itertools.islice(_frames(film), seconds * FPS)
        self.frames = [
            one for code, frame in enumerate(frames) for one in encoder.encode(frame, code)
        ]
        self.file = folder / "sent.pickle"
        self.file.write_bytes(pickle.dumps(self.frames))

    def write_raw(self, numbers: list[int]) -> Path:
        """The frames with these numbers as the worker had them, and audio, as in the pipe."""
        raw, frames = self.file.with_name("raw.nut"), self._decoded(set(numbers))
        write_nut(raw, frames, width=WIDTH, height=HEIGHT, audio_of=_audio)
        return raw

    def _decoded(self, wanted: set[int]) -> Iterator[av.VideoFrame]:
        decoder = av.CodecContext.create("vp8", "r")
        assert isinstance(decoder, av.VideoCodecContext)
        for number, (data, _) in enumerate(self.frames):
            frames = decoder.decode(av.Packet(data))
            if number in wanted:
                yield from frames


def _frames(film: Path | None) -> Iterator[av.VideoFrame]:
    """Without an end: the film again and again."""
    codes = itertools.count()
    if film is None:
        yield from (draw(code, width=WIDTH, height=HEIGHT, fps=FPS) for code in codes)
        return
    while True:
        with av.open(str(film)) as container:
            for frame in container.decode(video=0):
                yield paint(frame.reformat(WIDTH, HEIGHT, "yuv420p"), next(codes), fps=FPS)


def _audio(at: int) -> av.AudioFrame:
    samples = AUDIO_RATE // FPS
    wave = np.repeat(beep(at * samples, samples, AUDIO_RATE), 2).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, at * samples, AUDIO_TIME_BASE
    return frame


async def measure_encoding(
    manager: Manager, server: Server, film: Film, pipeline: str, seconds: float
) -> Encoding:
    """A live recording gives the frames; then another one, and the same command beside it."""
    first, _ = await _recorded(manager, server, film, pipeline, seconds + SPARE_S)
    numbers = (await asyncio.to_thread(read, Path(first.output_path))).numbers
    raw = await asyncio.to_thread(film.write_raw, numbers)
    ended, (ours, bare) = await _recorded(manager, server, film, pipeline, seconds, raw)
    file, ffmpeg = Path(first.output_path), await manager.ffmpeg()
    return Encoding(
        pipeline=pipeline,
        ours_cores=ours,
        bare_cores=bare,
        ratio=ours / bare,
        vmaf=await asyncio.to_thread(vmaf, ffmpeg.path, file, raw, most=COMPARED),
        kbit_s=8e-3 * (first.size_bytes or 0) / (first.duration_s or 1),
        frames_missing=(await asyncio.to_thread(read, Path(ended.output_path))).missing,
    )


async def _recorded(
    manager: Manager,
    server: Server,
    film: Film,
    pipeline: str,
    seconds: float,
    *beside: Path,
) -> tuple[Recording, list[float]]:
    """A recording, and the cores of its ffmpeg and of one that reads each file `beside` it."""
    async with publishing(server, ROOM, "--prepared", str(film.file)):
        await asyncio.sleep(SETTLE_S)
        row = await manager.start(StartRequest(ROOM, pipeline=pipeline))
        others = [await _bare(manager, row, raw) for raw in beside]
        pids = [await _ffmpeg_pid(manager), *(other.pid for other in others)]
        watched = await asyncio.gather(*(watch(pid, seconds) for pid in pids))
        ended = await manager.stop(ROOM)
        for other in others:
            await other.wait()
    return ended, [cores for cores, _ in watched]


async def _ffmpeg_pid(manager: Manager) -> int:
    async with asyncio.timeout(20):
        while True:
            row = await manager.status(ROOM)
            running = row.figures.get("processes", {}).get("ffmpeg") if row else None
            if running:
                return int(running["pid"])
            await asyncio.sleep(0.1)


async def _bare(manager: Manager, like: Recording, raw: Path) -> asyncio.subprocess.Process:
    """The same command as the recording's, reading a file at the pace of a live stream."""
    pipeline = Pipelines.load(None).get(like.pipeline)
    argv = command(
        pipeline,
        ffmpeg=await manager.ffmpeg(pipeline),
        source=str(raw),
        output=str(raw.with_name(f"bare{pipeline.segment_suffix}")),
        width=WIDTH,
        height=HEIGHT,
        video_bitrate_bps=QUALITIES[like.video_quality].video_bps,
        audio_bitrate_bps=QUALITIES[like.audio_quality].audio_bps,
    )
    argv.insert(argv.index("-i"), "-re")
    null = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(*argv, stdin=null, stdout=null, stderr=null)


def show_encoding(found: list[Encoding]) -> None:
    """A row for each pipeline."""
    table = Table(title="ffmpeg of a live 720p30 recording, and the same on a file beside it")
    for column in asdict(found[0]):
        table.add_column(column, justify="left" if column == "pipeline" else "right")
    for one in found:
        values = asdict(one).values()
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in values))
    Console().print(table)
