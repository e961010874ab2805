"""What becomes of audio: copied where the new file's container takes its codec, else encoded.

The tracks of a recording are mixed into one; of other files all are kept. An encoded one is encoded
whole, in one run, so that it has no seams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.errors import SourceDamaged
from orchestrator.media import AUDIO_CHANNELS
from orchestrator.mediafiles.media_file import Unreadable
from orchestrator.transcoding.audio_by_time import tracks_with_gaps
from orchestrator.transcoding.audio_copy import way_to_copy
from orchestrator.transcoding.source import AudioTrack, Source

_MP4: Final = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
TAKEN: Final[Mapping[str, frozenset[str]]] = {
    "mp4": _MP4,
    "mov": _MP4,
    "webm": frozenset({"opus", "vorbis"}),
    "matroska": _MP4 | {"vorbis", "dts", "truehd", "pcm_s16le", "pcm_s24le", "pcm_f32le", "mp2"},
}
"""Codecs that play from each container; in others only the pipeline's own."""

_OF_ENCODER: Final = {"libopus": "opus", "libvorbis": "vorbis", "libmp3lame": "mp3"}


@dataclass(frozen=True, slots=True)
class AudioPlan:
    """One audio track of the new file, and what it is made of."""

    tracks: tuple[AudioTrack, ...]
    """Of the source; several are mixed."""
    start: Fraction
    """When its first sample is heard, in seconds."""
    encoder: str | None
    """None: its packets are copied."""
    without_run_up: bool = False
    """Packets that end before the first sample is heard are left out."""
    by_time: bool = False
    """Its samples are laid down by their times (`audio_by_time`)."""

    @property
    def track(self) -> AudioTrack:
        """The first of them, which names it in a folder."""
        return self.tracks[0]

    @property
    def description(self) -> str:
        """For people."""
        if self.encoder is None:
            return f"{self.track.codec} copied"
        codecs = ", ".join(track.codec for track in self.tracks)
        mixed = " mixed," if len(self.tracks) > 1 else ""
        return f"{codecs}{mixed} encoded as {codec_of(self.encoder)}"

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
    """For all tracks with audio, in order. `starts` are theirs, `zero` will be 0.

    Of a recording one plan for all of them. Blocking; SourceDamaged.
    """
    heard = [
        (number, track, start)
        for number, (track, start) in enumerate(zip(source.audio, starts, strict=True))
        if start is not None
    ]
    if source.recorded and len(heard) > 1:
        tracks = tuple(track for _, track, _ in heard)
        first = min(start for _, _, start in heard)
        return [AudioPlan(tracks, first, pipeline.audio_codec, by_time=True)]
    gaps = _gaps(source)
    trial = folder / f"trial{pipeline.segment_suffix}"
    plans = []
    for number, track, start in heard:
        if track.index in gaps:
            by_time = track.channels <= AUDIO_CHANNELS
            plans.append(AudioPlan((track,), start, pipeline.audio_codec, by_time=by_time))
            continue
        way = _way(source, number, pipeline, start=start, zero=zero, trial=trial)
        encoder = pipeline.audio_codec if way is None else None
        plans.append(AudioPlan((track,), start, encoder, without_run_up=bool(way)))
    return plans


def _gaps(source: Source) -> frozenset[int]:
    try:
        return tracks_with_gaps(source.path)
    except Unreadable as error:
        raise SourceDamaged(source.path, 0.0, f"its audio {error.problem}") from error


def _way(
    source: Source,
    number: int,
    pipeline: Pipeline,
    *,
    start: Fraction,
    zero: Fraction,
    trial: Path,
) -> bool | None:
    """How its packets can be copied (`way_to_copy`); None: they can't."""
    taken = TAKEN.get(pipeline.container, frozenset({codec_of(pipeline.audio_codec)}))
    if source.audio[number].codec not in taken:
        return None
    container = pipeline.container
    return way_to_copy(
        source.path, number, container=container, start=start, zero=zero, trial=trial
    )
