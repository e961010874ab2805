"""What all parts of a file have in common: what it is made of, how it is encoded, its times."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Final

from orchestrator.errors import EncodingFailed, SourceDamaged
from orchestrator.mediafiles.media_file import Unreadable
from orchestrator.transcoding.audio_copy import first_heard
from orchestrator.transcoding.chunks.command import Target, VideoInput
from orchestrator.transcoding.chunks.record import ChunkRecord
from orchestrator.transcoding.frames import Frames
from orchestrator.transcoding.joining import VideoTimes
from orchestrator.transcoding.preparation import Prepared
from orchestrator.transcoding.source import Source

LEAST_FPS: Final = Fraction(5)
MOST_FPS: Final = Fraction(120)
"""Rates that every encoder takes; others are told the nearest of these."""
USUAL_FPS: Final = 25.0
LONGEST_S: Final = Fraction(1)
"""A frame that is shown for longer than this is followed by a gap: no video came."""
MOVED_S: Final = Fraction(1, 200)
"""By how much a frame may be moved that has the time of another."""

_ASPECT: Final = frozenset({"mp4", "mov"})
"""Containers that are told of pixels that aren't square."""


def video_input_of(prepared: Prepared, frames: Frames) -> VideoInput:
    """What the chunks are made of."""
    video = prepared.source.video
    assert video is not None
    fps = Fraction(_usual_fps(prepared, frames)).limit_denominator(1001)
    return VideoInput(
        source=prepared.source.path,
        demuxer=prepared.source.demuxer,
        stream=video.index,
        time_base=video.time_base,
        fps=min(max(fps, LEAST_FPS), MOST_FPS),
        deep=frames.deep,
        rgb=frames.rgb,
        square=is_made_square(prepared),
    )


def is_made_square(prepared: Prepared) -> bool:
    """Whether its pixels aren't square, and the new file couldn't tell it."""
    video = prepared.source.video
    assert video is not None
    return video.aspect != 1 and prepared.pipeline.container not in _ASPECT


def made_square(frames: Frames, aspect: Fraction) -> Frames:
    """With the sizes that frames have when their pixels are made square, by more of them."""
    wide, high = max(aspect, Fraction(1)), max(1 / aspect, Fraction(1))
    keyframes = tuple(
        replace(key, width=round(key.width * wide), height=round(key.height * high))
        if key.width is not None and key.height is not None
        else key
        for key in frames.keyframes
    )
    return replace(frames, keyframes=keyframes)


def target_of(prepared: Prepared, frames: Frames, video_input: VideoInput, threads: int) -> Target:
    """How they are encoded."""
    bitrate_bps = prepared.request.bitrate_bps
    if bitrate_bps is not None:
        # Encoders share their bits by the rate that they are told.
        bitrate_bps = round(bitrate_bps * float(video_input.fps) / _average_fps(prepared, frames))
    return Target(prepared.pipeline, prepared.later, prepared.crf, bitrate_bps, threads)


def _usual_fps(prepared: Prepared, frames: Frames) -> float:
    """While there is video: gaps don't make it slower."""
    video = prepared.source.video
    assert video is not None
    longest = int(LONGEST_S / video.time_base)
    steps = [min(after - at, longest) for at, after in pairwise(frames.times)]
    if not sum(steps):
        return video.guessed_fps or USUAL_FPS
    return float(len(steps) / (sum(steps) * video.time_base))


def _average_fps(prepared: Prepared, frames: Frames) -> float:
    video = prepared.source.video
    assert video is not None
    if len(frames.times) < 2 or frames.times[-1] == frames.times[0]:
        return video.guessed_fps or USUAL_FPS
    length_s = float((frames.times[-1] - frames.times[0]) * video.time_base)
    return (len(frames.times) - 1) / length_s


# -- times


def starts_of(source: Source) -> list[Fraction | None]:
    """When each audio track is heard first, in seconds; None of one without audio. Blocking."""
    try:
        return [first_heard(source.path, number) for number in range(len(source.audio))]
    except Unreadable as error:
        raise SourceDamaged(source.path, 0.0, f"its audio {error.problem}") from error


def zero_of(source: Source, frames: Frames | None, starts: Sequence[Fraction | None]) -> Fraction:
    """What is 0 in the new file, in seconds of the source: where the first stream begins.

    It is a tick of the video's clock, so that frames keep their times exactly. Of a file that
    doesn't say when its frames are shown, 0.
    """
    heard = [start for start in starts if start is not None]
    if source.video is None or frames is None:
        return min(heard, default=Fraction(0))
    if not frames.times:
        return Fraction(0)
    clock = source.video.time_base
    return min([frames.times[0] * clock, *heard]) // clock * clock


def times_of(
    prepared: Prepared, frames: Frames | None, records: Sequence[ChunkRecord], zero: Fraction
) -> VideoTimes | None:
    """When each frame of the new file is shown; None without video."""
    video = prepared.source.video
    if video is None or frames is None:
        return None
    clock, square = video.time_base, is_made_square(prepared)
    looks: dict[str, int | Fraction] = {
        **frames.colors,
        "sample_aspect_ratio": Fraction(1) if square else video.aspect,
    }
    shown = array("q", (at for record in records for at in record.times))
    return VideoTimes(one_after_another(prepared.source, shown), clock, int(zero / clock), looks)


def one_after_another(source: Source, times: array[int]) -> array[int]:
    """Frames for the same time, of which players would show one, a tick apart.

    EncodingFailed where ticks are too long for that, or frames go back in time.
    """
    assert source.video is not None
    apart, before = array("q"), None
    for at in times:
        moved = at if before is None else max(at, before + 1)
        if (moved - at) * source.video.time_base > MOVED_S:
            at_s = float(at * source.video.time_base)
            raise EncodingFailed(
                f"{source.path} has several frames for the same time, at {at_s:.3f} s.",
                "It is kept as it is: no file can show all of them.",
            )
        apart.append(moved)
        before = moved
    return apart
