"""What becomes of audio: copied where the new file's container takes its codec, else encoded.

All tracks are kept. An encoded one is encoded whole, in one run, so that it has no seams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.errors import SourceDamaged
from orchestrator.mediafiles.media_file import words
from orchestrator.transcoding.audio_copy import way_to_copy
from orchestrator.transcoding.chunks.command import GLOBAL_OPTIONS
from orchestrator.transcoding.chunks.run import complained, failed, run_to_end
from orchestrator.transcoding.source import AudioTrack, Source
from orchestrator.transcoding.threads import to_its_end

_MP4: Final = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
TAKEN: Final[Mapping[str, frozenset[str]]] = {
    "mp4": _MP4,
    "mov": _MP4,
    "webm": frozenset({"opus", "vorbis"}),
    "matroska": _MP4 | {"vorbis", "dts", "truehd", "pcm_s16le", "pcm_s24le", "pcm_f32le", "mp2"},
}
"""Codecs that play from each container; in others only the pipeline's own."""

_OF_ENCODER: Final = {"libopus": "opus", "libvorbis": "vorbis", "libmp3lame": "mp3"}

LAYOUTS: Final = "7.1|5.1|stereo|mono"
"""What AAC and Opus have in common; others are mixed into the nearest."""


@dataclass(frozen=True, slots=True)
class AudioPlan:
    """What becomes of one track that has audio."""

    track: AudioTrack
    start: Fraction
    """When its first sample is heard, in seconds."""
    encoder: str | None
    """None: its packets are copied."""
    without_run_up: bool = False
    """Packets that end before the first sample is heard are left out."""

    @property
    def description(self) -> str:
        """For people."""
        if self.encoder is None:
            return f"{self.track.codec} copied"
        return f"{self.track.codec} encoded as {codec_of(self.encoder)}"

    def begins(self, zero: Fraction) -> Fraction:
        """When it begins in a file whose 0 is `zero`: an encoded one has silence up to there."""
        return Fraction(0) if self.encoder is not None else self.start - zero


def codec_of(encoder: str) -> str:
    """The codec's name."""
    return _OF_ENCODER.get(encoder, encoder)


def plan_audio(
    source: Source,
    starts: Sequence[Fraction | None],
    pipeline: Pipeline,
    folder: Path,
    *,
    zero: Fraction,
) -> list[AudioPlan]:
    """For all tracks with audio, in order. `starts` are theirs, `zero` will be 0. Blocking."""
    own = codec_of(pipeline.audio_codec)
    taken = TAKEN.get(pipeline.container, frozenset({own}))
    plans = []
    for number, (track, start) in enumerate(zip(source.audio, starts, strict=True)):
        if start is None:
            continue
        way: bool | None = None
        if track.codec in taken:
            trial = folder / f"trial{pipeline.segment_suffix}"
            way = way_to_copy(
                source.path,
                number,
                container=pipeline.container,
                start=start,
                zero=zero,
                trial=trial,
            )
        encoder = pipeline.audio_codec if way is None else None
        plans.append(AudioPlan(track, start, encoder, without_run_up=bool(way)))
    return plans


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
    for plan in plans:
        if plan.encoder is None:
            continue
        output = folder / f"audio{plan.track.index}{pipeline.segment_suffix}"
        if not await to_its_end(output.exists):
            part = output.with_suffix(".part")
            argv = audio_command(
                ffmpeg, source, plan, pipeline, zero=zero, bitrate_bps=bitrate_bps, output=part
            )
            run = Run(argv, part.with_suffix(".log"), environment=ffmpeg.environment, idle=True)
            await _encode(run, source, plan, part, output)
        made[plan.track.index] = output
    return made


async def _encode(run: Run, source: Source, plan: AudioPlan, part: Path, output: Path) -> None:
    try:
        result = await run_to_end(run, lambda: None)
        if complained(result):
            await to_its_end(refuse_damaged_audio, source, plan)
        if result.returncode != 0:
            raise failed(f"The audio of {source.path} can't be encoded", result)
        await to_its_end(part.replace, output)
    finally:
        for path in (part, run.log_path):
            await to_its_end(path.unlink, missing_ok=True)


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
