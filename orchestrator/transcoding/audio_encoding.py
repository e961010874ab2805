"""Encodes audio tracks whole, each in one run of ffmpeg."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.encoding.process.run_result import RunResult
from orchestrator.errors import SourceDamaged
from orchestrator.media import AUDIO_CHANNELS, AUDIO_RATE
from orchestrator.mediafiles.media_file import words
from orchestrator.pipes.fifo import Fifo
from orchestrator.transcoding.audio import AudioPlan
from orchestrator.transcoding.audio_by_time import laid_down, write_samples
from orchestrator.transcoding.chunks.command import GLOBAL_OPTIONS
from orchestrator.transcoding.chunks.run import complained, failed, run_to_end
from orchestrator.transcoding.source import Source
from orchestrator.transcoding.threads import to_its_end

LAYOUTS: Final = "7.1|5.1|stereo|mono"
"""What AAC and Opus have in common; others are mixed into the nearest."""


def audio_command(
    ffmpeg: FFmpeg,
    source: Source,
    plan: AudioPlan,
    pipeline: Pipeline,
    *,
    zero: Fraction,
    bitrate_bps: int,
    output: Path,
) -> list[str]:
    """The argv that encodes one track; its times count from `zero` (seconds in the source)."""
    assert plan.encoder is not None
    filters = (
        f"asetpts=round(PTS-({zero.numerator}/{zero.denominator})/TB)",
        # Where samples are missing, before the first ones too, there is silence; where there are
        # too many, they go. Less than 10 ms is a matter of rounding.
        "aresample=async=1:min_hard_comp=0.01:first_pts=0",
        f"aformat=channel_layouts={LAYOUTS}",
    )
    other_rate = plan.encoder == "libopus" or plan.track.sample_rate > 48_000
    return [
        *(str(ffmpeg.path), *GLOBAL_OPTIONS),
        *("-protocol_whitelist", "file", "-f", source.demuxer, "-i", str(source.path.absolute())),
        *("-map", f"0:{plan.track.index}", "-map_metadata", "-1"),
        *("-af", ",".join(filters)),
        *("-c:a", plan.encoder, "-b:a", str(bitrate_bps * max(1, plan.track.channels // 2))),
        *(("-ar", "48000") if other_rate else ()),
        *("-f", pipeline.container, str(output)),
    ]


def samples_command(
    ffmpeg: FFmpeg,
    plan: AudioPlan,
    pipeline: Pipeline,
    *,
    bitrate_bps: int,
    fifo: Path,
    output: Path,
) -> list[str]:
    """The argv that encodes samples that come through a pipe (`audio_by_time.write_samples`)."""
    assert plan.encoder is not None
    layout = "stereo" if AUDIO_CHANNELS == 2 else "mono"
    return [
        *(str(ffmpeg.path), *GLOBAL_OPTIONS),
        *("-f", "s16le", "-ar", str(AUDIO_RATE), "-ch_layout", layout, "-i", str(fifo)),
        *("-c:a", plan.encoder, "-b:a", str(bitrate_bps)),
        *("-f", pipeline.container, str(output)),
    ]


async def encode_audio(
    ffmpeg: FFmpeg,
    source: Source,
    plans: Sequence[AudioPlan],
    folder: Path,
    *,
    pipeline: Pipeline,
    zero: Fraction,
    bitrate_bps: int,
) -> dict[int, Path]:
    """The files of the encoded tracks, by their index in the source.

    Those of an earlier run are taken. SourceDamaged, NotEnoughDisk or EncodingFailed.
    """
    made: dict[int, Path] = {}
    encoding = _Encoding(ffmpeg, source, folder, pipeline, zero, bitrate_bps)
    for plan in plans:
        if plan.encoder is not None:
            made[plan.track.index] = await encoding.encode(plan)
    return made


@dataclass(frozen=True, slots=True)
class _Encoding:
    """What all tracks of a file have in common."""

    ffmpeg: FFmpeg
    source: Source
    folder: Path
    pipeline: Pipeline
    zero: Fraction
    bitrate_bps: int

    async def encode(self, plan: AudioPlan) -> Path:
        """The track's file; one of an earlier run is taken."""
        output = self.folder / f"audio{plan.track.index}{self.pipeline.segment_suffix}"
        if await to_its_end(output.exists):
            return output
        part = output.with_suffix(".part")
        log_path = part.with_suffix(".log")
        try:
            result = await (self._laid_down if plan.by_time else self._whole)(plan, part, log_path)
            if result.returncode != 0:
                raise failed(f"The audio of {self.source.path} can't be encoded", result)
            await to_its_end(part.replace, output)
        finally:
            for path in (part, log_path):
                await to_its_end(path.unlink, missing_ok=True)
        return output

    def _run(self, argv: Sequence[str], log_path: Path) -> Run:
        return Run(argv, log_path, environment=self.ffmpeg.environment, idle=True)

    async def _whole(self, plan: AudioPlan, part: Path, log_path: Path) -> RunResult:
        """One ffmpeg reads the track itself."""
        argv = audio_command(
            self.ffmpeg,
            self.source,
            plan,
            self.pipeline,
            zero=self.zero,
            bitrate_bps=self.bitrate_bps,
            output=part,
        )
        result = await run_to_end(self._run(argv, log_path), lambda: None)
        if complained(result):
            await to_its_end(refuse_damaged_audio, self.source, plan)
        return result

    async def _laid_down(self, plan: AudioPlan, part: Path, log_path: Path) -> RunResult:
        """A thread of ours writes samples, which ffmpeg encodes."""
        pipe = self.folder / f"audio{plan.track.index}.pcm"
        await to_its_end(pipe.unlink, missing_ok=True)
        fifo = await to_its_end(Fifo, pipe)
        argv = samples_command(
            self.ffmpeg,
            plan,
            self.pipeline,
            bitrate_bps=self.bitrate_bps,
            fifo=pipe,
            output=part,
        )
        items = laid_down(self.source.path, plan.tracks, self.zero)
        with ThreadPoolExecutor(1) as thread:
            writing = asyncio.get_running_loop().run_in_executor(thread, write_samples, fifo, items)
            try:
                result = await run_to_end(self._run(argv, log_path), lambda: None)
            finally:
                fifo.abort()
                await asyncio.gather(writing, return_exceptions=True)
        await writing
        return result


def refuse_damaged_audio(source: Source, plan: AudioPlan) -> None:
    """SourceDamaged if the track doesn't decode from end to end. Blocking."""
    at = Fraction(0)
    with av.open(str(source.path.absolute()), metadata_errors="replace") as container:
        stream = container.streams[plan.track.index]
        assert isinstance(stream, AudioStream)
        for packet in container.demux(stream):
            if packet.pts is not None:
                at = packet.pts * plan.track.time_base
            try:
                stream.decode(packet)
            except av.FFmpegError as error:
                problem = f"its audio can't be decoded there ({words(error)})"
                raise SourceDamaged(source.path, float(at), problem) from error
