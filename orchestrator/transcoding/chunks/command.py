"""The command that encodes one chunk, and lists the frames that it decoded. Pure.

Beside the chunk it writes two lists (ffmpeg's framecrc): of every frame that was decoded, run-in
included, with its time; and of the frames around cuts, with checksums of what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import ffmpeg as ffmpeg_python

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.job import Later, LaterJob
from orchestrator.encoding.pipeline.later import Aside, later_arguments
from orchestrator.transcoding.chunks.plan import Chunk, Window

GLOBAL_OPTIONS: Final = (
    "-hide_banner",
    "-nostdin",
    "-nostats",
    # Warnings too: that a frame came out damaged is one.
    "-loglevel",
    "repeat+level+warning",
    # Times stay those of the source.
    "-copyts",
    # Remains of a run that was killed are replaced.
    "-y",
)

TEN_BITS: Final = frozenset({"libaom-av1", "libsvtav1", "libvpx-vp9", "libx265"})
"""Encoders whose streams of 10 bits play where those of 8 do, or nearly."""


@dataclass(frozen=True, slots=True)
class VideoInput:
    """What all chunks of a file have in common."""

    source: Path
    demuxer: str
    stream: int
    """The video's index in the file."""
    time_base: Fraction
    fps: Fraction
    """What the encoder is told: the average, as far as encoders take it."""
    deep: bool
    rgb: bool
    square: bool
    """Its pixels aren't square, and are made so: the new file couldn't tell it."""


@dataclass(frozen=True, slots=True)
class Target:
    """With what, and how well, it is encoded."""

    pipeline: Pipeline
    later: Later
    crf: int | None
    bitrate_bps: int | None
    threads: int


@dataclass(frozen=True, slots=True)
class ChunkFiles:
    """What one run writes."""

    video: Path
    times: Path
    compared: Path


def chunk_command(
    ffmpeg: str,
    video_input: VideoInput,
    target: Target,
    chunk: Chunk,
    files: ChunkFiles,
    *,
    seek: int | None,
    windows: Sequence[Window],
) -> list[str]:
    """The whole argv. `seek`: the keyframe at which decoding begins; None: the first of the file.

    `windows`: frames whose checksums are listed.
    """
    decoded = _decoded(video_input, target, chunk, seek)
    streams = decoded.filter_multi_output("split", 3 if windows else 2)
    job = LaterJob(
        video=_prepared(streams[0], video_input, target, chunk),
        output=str(files.video),
        width=chunk.width,
        height=chunk.height,
        crf=target.crf,
        video_bitrate_bps=target.bitrate_bps,
        threads=target.threads,
        fps=video_input.fps,
    )
    listed = {"f": "framecrc", "fps_mode": "passthrough", "enc_time_base:v": _ratio(video_input)}
    # Frames are passed on as they are; nothing is copied.
    asides = [Aside(streams[1], str(files.times), {**listed, "c:v": "wrapped_avframe"})]
    if windows:
        selected = streams[2].filter("select", _between(windows))
        options = {**listed, "c:v": "rawvideo", "noautoscale": None}
        asides.append(Aside(selected, str(files.compared), options))
    arguments = later_arguments(target.pipeline, target.later, job, asides)
    return [ffmpeg, *GLOBAL_OPTIONS, *arguments]


def reference(video_input: VideoInput, target: Target, chunk: Chunk) -> Any:
    """The chunk's frames as its encoder got them, to compare with what it made of them."""
    seek = chunk.run_in[0] if chunk.run_in else None
    return _prepared(_decoded(video_input, target, chunk, seek), video_input, target, chunk)


def _ratio(video_input: VideoInput) -> str:
    return f"{video_input.time_base.numerator}:{video_input.time_base.denominator}"


def _decoded(video_input: VideoInput, target: Target, chunk: Chunk, seek: int | None) -> Any:
    """The source's frames from where decoding begins, up to the chunk's end."""
    at = {} if seek is None else {"ss": _seconds(seek * video_input.time_base), "seek_timestamp": 1}
    opened = ffmpeg_python.input(
        str(video_input.source.absolute()),
        **at,
        # The run-in is wanted, too.
        noaccurate_seek=None,
        # Filters go on where a frame has another size: they count the frames.
        reinit_filter=0,
        f=video_input.demuxer,
        protocol_whitelist="file",
        threads=target.threads,
    )
    video = opened[str(video_input.stream)]
    return video if chunk.end is None else video.filter("trim", end_pts=chunk.end)


def _seconds(at: Fraction) -> str:
    """In whole microseconds, rounded up: ffmpeg looks for the keyframe at it or before."""
    return f"{-(-at * 1_000_000 // 1) / 1_000_000:.6f}"


def _between(windows: Sequence[Window]) -> str:
    """An expression that is true of the frames in these windows."""
    return "+".join(f"gte(pts,{first})*lt(pts,{end})" for first, end in windows)


def _prepared(video: Any, video_input: VideoInput, target: Target, chunk: Chunk) -> Any:
    """The chunk's own frames, in the size and the pixel format that they are encoded in.

    For the encoder they come evenly, as some of them plan with a rate, or take only some of them.
    """
    if chunk.start is not None:
        video = video.filter("trim", start_pts=chunk.start)
    size: dict[str, Any] = {"w": chunk.width, "h": chunk.height}
    if not video_input.square:
        # Frames of another size (and those of the run-in) are scaled, and get bars.
        size |= {"force_original_aspect_ratio": "decrease"}
    # RGB has no matrix; BT.709 is what it is taken for once it is YUV.
    colors = {"out_color_matrix": "bt709", "out_range": "tv"} if video_input.rgb else {}
    video = video.filter("scale", **size, **colors)
    # Frame by frame: with the first one's size for all, it reads and writes beyond others.
    video = video.filter("pad", chunk.width, chunk.height, -1, -1, eval="frame")
    if video_input.square:
        video = video.filter("setsar", 1)
    deep = video_input.deep and target.pipeline.video_codec in TEN_BITS
    video = video.filter("format", "yuv420p10le" if deep else "yuv420p")
    each = f"{video_input.fps.denominator}/{video_input.fps.numerator}"
    # The rate that ffmpeg took the file for goes: the encoder's clock tells it.
    return video.filter("settb", each).filter("setpts", "N", strip_fps=1)


# -- what the lists say


@dataclass(frozen=True, slots=True)
class Listed:
    """One frame that was decoded."""

    pts: int
    checksum: str


def listed_frames(text: str, time_base: Fraction) -> Iterator[Listed]:
    """The frames of a framecrc list; ValueError if it counts in another time base.

    libavformat/framecrcenc.c: `stream, dts, pts, duration, size, checksum`, after lines with `#`.
    """
    for line in text.splitlines():
        if line.startswith("#tb 0:"):
            found = Fraction(line.partition(":")[2].strip())
            if found != time_base:
                raise ValueError(f"frames are listed in {found}, not in {time_base}")
        elif line and not line.startswith("#"):
            fields = [field.strip() for field in line.split(",")]
            yield Listed(int(fields[2]), fields[5])
