"""Joins files of copied frames into one: every packet at its time, nothing encoded again.

Segments may have been cut short, and have different tracks: equal ones (`TrackKey`) become one.
One segment is read at a time, packet by packet; what grows with the length is libavformat's index
alone.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from orchestrator.errors import EncodingFailed, NotEnoughDisk
from orchestrator.stream_copy.joined_track import JoinedTrack

if TYPE_CHECKING:
    from av.container.core import Chapter

Proceed: TypeAlias = Callable[[float], bool]
"""Told which share is done, 0 to 1; says whether to go on."""

Segment: TypeAlias = tuple[Path, float]
"""A file, and where its zero is on the recording's timeline, in seconds."""

_ASK_PACKETS: Final = 500
"""So many packets are copied before it is asked whether to go on."""

_INPUT: Final[Mapping[str, str]] = {
    # A disk that was full, or a power cut, may have cut a file within a frame.
    "fflags": "+discardcorrupt"
}
_ALL: Final[Mapping[str, str]] = {
    # Packets come in order; a silent track is not waited for (in microseconds; 0 is for ever).
    "max_interleave_delta": "1",
    # Times are as they are said, also where no track begins at 0.
    "avoid_negative_ts": "disabled",
}
_MATROSKA: Final[Mapping[str, str]] = {
    # The index first, so that a player can begin before it has the whole file.
    "cues_to_front": "1",
    "default_mode": "passthrough",
}
_MP4: Final[Mapping[str, str]] = {
    "movflags": "+faststart+use_metadata_tags",
    # Edit lists, by which a track begins late, are exact to a ninety-thousandth of a second.
    "movie_timescale": "90000",
}
_OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "matroska": {**_ALL, **_MATROSKA},
    "webm": {**_ALL, **_MATROSKA},
    "mp4": {**_ALL, **_MP4},
}

_FULL: Final = {
    errno.ENOSPC: "no space is left on the disk (ENOSPC)",
    errno.EDQUOT: "the disk quota is used up (EDQUOT)",
    errno.EFBIG: "the file reached the largest size allowed (EFBIG)",
}
_KEPT: Final = "The segments are kept; each can be played."


@dataclass(frozen=True, slots=True)
class TrackKey:
    """By which tracks of several segments are the same."""

    kind: str
    codec: str
    name: str
    rate: int
    """Samples per second of audio, else 0: G.711 and G.722 are both PCM here."""


def join_packets(
    segments: Sequence[Segment],
    output: Path,
    container: str,
    *,
    tags: Mapping[str, str],
    chapters: Sequence[tuple[float, str]] = (),
    end_s: float = 0.0,
    proceed: Proceed = lambda _: True,
) -> bool:
    """Writes `output`; False if `proceed` ended it, then there is none. Blocking.

    `segments`: in order, times counting from the first one's offset; each has at least one packet
    (`mediafiles.probe.holds_packets`), or it can't even be opened. One alone is written anew, so
    that it gets an index and a length. `chapters`: where each begins, in seconds, and its title;
    the last ends at `end_s`. `container`: "matroska", "webm" or "mp4". What is at `output` is
    replaced. Raises NotEnoughDisk, EncodingFailed, and then leaves no output.
    """
    try:
        marks = _chapters(chapters, end_s)
        done = _joined(segments, output, container, tags, proceed, marks=marks)
    except BaseException as error:
        with suppress(OSError):
            output.unlink(missing_ok=True)
        if isinstance(error, (OSError, av.FFmpegError, ValueError)):
            raise _failed(error, segments) from error
        raise
    if not done:
        output.unlink(missing_ok=True)
    return done


def _joined(
    segments: Sequence[Segment],
    output: Path,
    container: str,
    tags: Mapping[str, str],
    proceed: Proceed,
    *,
    marks: list[Chapter],
) -> bool:
    unused: set[TrackKey] = set()
    while True:
        join = _Join(segments, output, container, unused)
        if not join.run(tags, marks, proceed):
            return False
        empty = {key for key, track in join.tracks.items() if not track.packets}
        if not empty:
            _check(output, [*join.tracks.values()])
            return True
        # A track of which no packet was written before its segment ended: a file without it.
        unused |= empty
        if len(empty) == len(join.tracks):
            raise EncodingFailed("The segments hold no packets of video or audio.", _KEPT)


def _chapters(chapters: Sequence[tuple[float, str]], end_s: float) -> list[Chapter]:
    ends = [*(start for start, _ in chapters[1:]), end_s]
    return [
        {
            "id": number,
            "start": round(start_s * 1000),
            "end": max(round(to_s * 1000), round(start_s * 1000) + 1),
            "time_base": Fraction(1, 1000),
            "metadata": {"title": title},
        }
        for number, ((start_s, title), to_s) in enumerate(zip(chapters, ends, strict=False), 1)
    ]


class _Join:
    """One attempt."""

    def __init__(
        self, segments: Sequence[Segment], output: Path, container: str, unused: set[TrackKey]
    ) -> None:
        self._segments, self._output, self._container = segments, output, container
        self._unused = unused
        self._total = sum(path.stat().st_size for path, _ in segments) or 1
        self.tracks: dict[TrackKey, JoinedTrack] = {}

    def run(self, tags: Mapping[str, str], chapters: list[Chapter], proceed: Proceed) -> bool:
        options = dict(_OPTIONS[self._container])
        output = str(self._output.absolute())
        with av.open(output, "w", format=self._container, options=options) as made:
            made.metadata.update(tags)
            if chapters:
                made.set_chapters(chapters)
            self._add_tracks(made)
            return self._copy(made, proceed)

    def _add_tracks(self, made: OutputContainer) -> None:
        """Video first, then as they appear; each as its first segment describes it."""
        for wanted in ("video", "audio"):
            default = Disposition.default
            for path, _ in self._segments:
                with _opened(path) as segment:
                    for key, stream in _keyed(segment):
                        if key.kind != wanted or key in self.tracks or key in self._unused:
                            continue
                        self.tracks[key] = JoinedTrack(made, stream, key.name, default)
                        default = Disposition(0)
        if self._container == "mp4":
            self._measure_reordering()

    def _measure_reordering(self) -> None:
        """MP4 has times of decoding, Matroska none."""
        for path, _ in self._segments:
            with _opened(path) as segment:
                for key, stream in _keyed(segment):
                    if key in self.tracks and key.codec in ("h264", "hevc"):
                        self.tracks[key].measure_reordering(segment, stream)

    def _copy(self, made: OutputContainer, proceed: Proceed) -> bool:
        asked = copied_bytes = count = 0
        for path, offset_s in self._segments:
            after_s = offset_s - self._segments[0][1]
            with _opened(path) as segment:
                tracks = {s.index: self.tracks.get(key) for key, s in _keyed(segment)}
                for packet in _packets(segment):
                    copied_bytes += packet.size
                    count += 1
                    if (track := tracks.get(packet.stream_index)) is not None:
                        track.place(packet, after_s)
                        made.mux_one(packet)
                    if count - asked >= _ASK_PACKETS:
                        asked = count
                        if not proceed(min(1.0, copied_bytes / self._total)):
                            return False
        return proceed(1.0)


def _opened(path: Path) -> InputContainer:
    return av.open(str(path.absolute()), options=dict(_INPUT), metadata_errors="replace")


def _keyed(segment: InputContainer) -> Iterator[tuple[TrackKey, Stream]]:
    for stream in segment.streams:
        if stream.type in ("video", "audio") and stream.codec_context is not None:
            codec = stream.codec_context.codec.canonical_name
            rate = getattr(stream.codec_context, "sample_rate", 0)
            yield TrackKey(stream.type, codec, stream.metadata.get("title", ""), rate), stream


def _packets(segment: InputContainer) -> Iterator[Packet[Any]]:
    """Up to where the file ends or was cut."""
    with suppress(av.InvalidDataError, av.EOFError):
        for packet in segment.demux():
            if packet.size and packet.pts is not None and not packet.is_corrupt:
                yield packet


def _check(output: Path, tracks: Sequence[JoinedTrack]) -> None:
    """Whether everything can be read again."""
    counts = [0] * len(tracks)
    with _opened(output) as made:
        for packet in _packets(made):
            if packet.stream_index < len(counts):  # MP4 has a track of chapters behind them
                counts[packet.stream_index] += 1
    for track, count in zip(tracks, counts, strict=True):
        if count != track.packets:
            raise EncodingFailed(
                f"The joined file has {count} of {track.packets} packets of {track.name!r}.", _KEPT
            )


def _failed(error: Exception, segments: Sequence[Segment]) -> Exception:
    number = getattr(error, "errno", None)
    what = f"The segments ({len(segments)}) can't be joined"
    if number in _FULL:
        return NotEnoughDisk(f"{what}: {_FULL[number]}.", _KEPT)
    words = getattr(error, "strerror", None) or str(error)
    name = getattr(error, "filename", None)
    return EncodingFailed(f"{what}: {words}{f': {name}' if name else ''}.", _KEPT)
