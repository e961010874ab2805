"""What a pipeline gets and what it is: the job to build, and the loaded file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from orchestrator.encoding.pipeline.safe_options import FRAGMENT_S, safe_options
from orchestrator.encoding.process.capabilities import HYBRID_FRAGMENTED
from orchestrator.errors import InvalidRequest
from orchestrator.stream_copy.containers import Container

UNKNOWN_COST: Final = 0.03
"""CPU seconds for a megapixel of an encoder that nobody measured: twice what libaom takes."""

COPY: Final = "copy"
"""In place of an encoder's name and of a speed step, of a pipeline that has none."""

LATER_KEYFRAME_S: Final = 10.0
"""Between two points to seek to in a file that was encoded again."""

MIXED_SIZES: Final = frozenset({"libvpx", "libvpx-vp9", "libaom-av1", "libsvtav1", "librav1e"})
"""Encoders of codecs whose keyframes tell the frame size in every container (VP8, VP9, AV1)."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a pipeline is to build: the streams of the one input, and what was asked for."""

    video: Any
    """Raw yuv420p frames (ffmpeg-python stream), time base 1/90000, no fixed rate."""
    audio: Any
    """PCM s16le, 48 kHz, stereo."""
    output: str
    """The file that becomes the recording."""
    width: int
    height: int
    video_bitrate_bps: int
    audio_bitrate_bps: int
    speed: int
    """Index into the pipeline's SPEEDS: 0 is the slowest and best."""
    threads: int
    """For an encoder, as few as keep pace; 0 leaves it to the encoder."""
    tags: Mapping[str, str]
    """What is written into the file: title, comment, creation_time and so on."""
    aside: str = ""
    """Path without extension for more files (images, HLS), beside the finished recording."""
    features: frozenset[str] = frozenset({HYBRID_FRAGMENTED})
    """What this ffmpeg can do and older ones can't (capabilities.FEATURES)."""
    container: str = "mp4"
    """The pipeline's own, of the output."""
    fragment_s: float = FRAGMENT_S
    """Seconds of a fragment of MP4."""

    @property
    def safe_options(self) -> dict[str, Any]:
        """Output options that keep the recording safe, to begin a pipeline's options with."""
        return {**safe_options(self.container, self.movflags, self.fragment_s), **self.metadata}

    @property
    def tile_columns(self) -> int:
        """Binary logarithm of the columns of tiles for libaom and libvpx, as their options take it.

        No more than threads, which is all they are for, and none narrower than some 500 pixels.
        """
        by_size = 0 if self.width < 960 else 1 if self.width < 2560 else 2
        return min(by_size, (self.threads or 4).bit_length() - 1)

    @property
    def metadata(self) -> dict[str, str]:
        """Output options that write the tags.

        ffmpeg-python can't repeat an option; ffmpeg ignores what follows ``-metadata:g``, so that
        numbers tell the options apart.
        """
        clean = ((k, v.replace("\0", "")) for k, v in self.tags.items())
        return {f"metadata:g:{i}": f"{k}={v}" for i, (k, v) in enumerate(clean)}

    @property
    def movflags(self) -> str:
        """MP4 that is whole up to the last second when ffmpeg is killed, as this ffmpeg can."""
        # delay_moov: without the edit list that it makes room for, the encoder's priming samples
        # would move everything but the first frame by 21 ms.
        # frag_keyframe, default_base_moof: fragments can be played from where they begin, and
        # wherever they lie, as HLS and media source extensions want them.
        common = "+frag_keyframe+default_base_moof+delay_moov+use_metadata_tags"
        if HYBRID_FRAGMENTED in self.features:
            # Fragments while it grows, one plain moov when it is closed (ffmpeg 7.1 and later).
            return f"+hybrid_fragmented{common}"
        return common


@dataclass(frozen=True, slots=True)
class LaterJob:
    """What a later profile is to build: a chunk of a file's video, and what was asked for."""

    video: Any
    """Frames of one size at an even rate (ffmpeg-python stream): yuv420p, or yuv420p10le where the
    source has more than 8 bits and the encoder takes them."""
    output: str
    """The file that the chunk goes to."""
    width: int
    height: int
    crf: int | None
    """The quality that is kept; None if a bit rate was asked for."""
    video_bitrate_bps: int | None
    """The average that was asked for; None if a quality was."""
    threads: int
    """For the encoder; other chunks are encoded at the same time."""
    fps: Fraction
    """The average of the whole file. For the encoder frames come at this rate, evenly; they get
    their own times in the new file."""

    @property
    def keyframe_frames(self) -> int:
        """Frames between two keyframes, at most: ten seconds of them."""
        return max(1, round(self.fps * LATER_KEYFRAME_S))

    @property
    def safe_options(self) -> dict[str, Any]:
        """Output options that keep every frame and its time, to begin a profile's options with."""
        clock = f"{self.fps.denominator}:{self.fps.numerator}"
        return {"f": "nut", "fps_mode": "passthrough", "enc_time_base:v": clock}


@dataclass(frozen=True, slots=True)
class Later:
    """How a pipeline encodes a finished file again."""

    build: Callable[[LaterJob], Any]
    crfs: Mapping[str, int]
    """Of each quality; smaller is better."""
    largest_crf: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline file, loaded: what it makes and how."""

    name: str
    description: str
    format: str
    """The word clients ask for: av1, mp4, webm or the pipeline's own."""
    extension: str
    container: str
    """ffmpeg's name of the muxer (``-f``) of segments and of the joined file."""
    segment_suffix: str
    mime_type: str
    video_codec: str
    """ffmpeg's name of the encoder; ``copy`` of a pipeline that copies."""
    audio_codec: str
    speeds: tuple[str, ...]
    """The encoder's speed steps in words, slowest and best first."""
    default_speed: int
    path: Path
    build: Callable[[Job], Any] | None
    """None: it copies."""
    shipped: tuple[float, ...] = ()
    """CPU seconds that each step takes for a megapixel, as measured by who wrote the pipeline."""
    least_pixels: tuple[int, ...] = ()
    """Frames that are smaller than this don't use a step; none: every size uses all."""
    fixed_rate: bool = False
    """Its encoder plans its bits by the rate that it began with: another wants another run."""
    largest_frame: tuple[int, int] | None = None
    """Width and height of the largest frame it takes; None: what its codec's levels allow."""
    smallest_frame: tuple[int, int] = (16, 16)
    mixed_sizes: bool = False
    """One file may hold frames of several sizes, and plays everywhere."""
    later: Later | None = None
    """How it encodes a finished file again; None: it doesn't."""
    containers: Mapping[str, Container] = field(default_factory=dict)
    """By the word that clients ask for: what a pipeline that copies can write; else empty."""
    digest: str = ""
    """Of the file: what was measured of another one doesn't hold."""

    @property
    def copies(self) -> bool:
        """Whether it records the frames as they come, without decoder or encoder."""
        return bool(self.containers)

    @property
    def formats(self) -> tuple[str, ...]:
        """The words that it can be asked for, the default first."""
        return tuple(self.containers) or (self.format,)

    def for_format(self, word: str) -> Pipeline:
        """The same pipeline, which makes what this word means.

        Raises InvalidRequest that lists the words it can be asked for.
        """
        if word == self.format:
            return self
        if (container := self.containers.get(word)) is None:
            raise InvalidRequest(
                f"Pipeline {self.name} makes {' or '.join(self.formats)}, not {word}.",
                "Leave output_format out, or choose another pipeline.",
                field="output_format",
            )
        return replace(
            self,
            format=word,
            extension=container.extension,
            container=container.muxer,
            segment_suffix=f".{container.segment_extension}",
            mime_type=container.mime_type,
        )

    @property
    def costs(self) -> tuple[float, ...]:
        """The same, with a cautious guess where nobody measured."""
        return self.shipped or (UNKNOWN_COST,) * len(self.speeds)

    def steps_for(self, width: int, height: int) -> int:
        """How many of the steps, the slowest first, frames of this size use."""
        if not self.least_pixels:
            return len(self.speeds)
        return sum(1 for least in self.least_pixels if width * height >= least)

    @property
    def encoders(self) -> frozenset[str]:
        """The encoders an ffmpeg must have for it."""
        return frozenset() if self.copies else frozenset({self.video_codec, self.audio_codec})
