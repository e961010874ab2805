"""Keyframes of a recording, read from its segments while they grow. Blocking, one thread.

Only heads are read until somebody wants a frame: then its fragment is read and its first frame
decoded.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import av
import structlog

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.fragments.fragment import Container, Fragment, NotFragmented, SegmentReplaced
from orchestrator.fragments.packets import first_keyframe
from orchestrator.fragments.reader import FragmentReader
from orchestrator.worker.segments.segment_positions import read_position

log = structlog.get_logger(__name__)

LINGER_S: Final = 60.0
"""How long a segment is read on beside a later one: its ffmpeg finishes it in the background, or
was killed."""

AT_ONCE: Final = 500
"""Fragments whose heads are read before their keyframes are given."""


@dataclass(frozen=True, slots=True)
class Keyframe:
    """One that can be decoded."""

    at_s: float
    """In the recording."""
    reader: FragmentReader
    fragment: Fragment

    def decoded(self) -> av.VideoFrame | None:
        """None if its decoder gives nothing. OSError, NotFragmented, av.FFmpegError."""
        data = self.reader.read(self.fragment)
        packet = first_keyframe(self.reader.header, data, self.reader.container)
        if packet is None:
            return None
        codec = packet.stream.codec_context
        assert isinstance(codec, av.VideoCodecContext)
        codec.thread_count = 1
        frames = [*codec.decode(packet), *codec.decode(None)]
        return frames[0] if frames else None


@dataclass(slots=True)
class _Segment:
    reader: FragmentReader
    offset_s: float
    later_since_s: float | None = field(default=None)
    """When a later segment was seen, on the monotonic clock."""


def _polled(reader: FragmentReader, *, last: bool) -> Iterator[list[Fragment]]:
    """All that there are now: hours of them, where another worker has recorded before."""
    while fragments := reader.poll(last=last, most=AT_ONCE):
        yield fragments
        if len(fragments) < AT_ONCE:
            return


def container_of(pipeline: Pipeline) -> Container:
    """That of the pipeline's segments."""
    if pipeline.copies:
        return "webm" if pipeline.segment_suffix == ".webm" else "matroska"
    return "webm" if pipeline.container == "webm" else "mp4"


class Keyframes:
    """Gives each keyframe behind `after_s` once, in the order of the segments."""

    def __init__(self, container: Container, after_s: float) -> None:
        self._container, self._after_s = container, after_s
        self._open: dict[Path, _Segment] = {}
        self._done: set[Path] = set()

    def new(self, paths: Sequence[Path], *, last: bool = False) -> Iterator[Keyframe]:
        """Those that have come since. `last`: no more will be written."""
        for number, path in enumerate(paths):
            if path in self._done or (segment := self._segment(path)) is None:
                continue
            try:
                for fragments in _polled(segment.reader, last=last):
                    yield from self._wanted(segment, fragments)
            except FileNotFoundError:
                if segment.reader.header or last:  # it has become a final file
                    self._leave(path)
                continue
            except (OSError, NotFragmented, SegmentReplaced) as error:
                log.warning("no more keyframes of a segment", path=str(path), error=str(error))
                self._leave(path)
                continue
            if segment.reader.ended or self._outlived(segment, number + 1 < len(paths)):
                self._leave(path)

    def _segment(self, path: Path) -> _Segment | None:
        if path not in self._open:
            position = read_position(path)
            if position is None:
                return None
            reader = FragmentReader(path, self._container)
            self._open[path] = _Segment(reader, position.offset_s)
        return self._open[path]

    def _wanted(self, segment: _Segment, fragments: Sequence[Fragment]) -> Iterator[Keyframe]:
        for fragment in fragments:
            at_s = max(segment.offset_s + fragment.begin_s, 0.0)
            if fragment.independent and at_s > self._after_s:
                self._after_s = at_s
                yield Keyframe(at_s, segment.reader, fragment)

    def _outlived(self, segment: _Segment, has_later: bool) -> bool:
        now_s = time.monotonic()
        if has_later and segment.later_since_s is None:
            segment.later_since_s = now_s
        return segment.later_since_s is not None and now_s - segment.later_since_s > LINGER_S

    def _leave(self, path: Path) -> None:
        self._open.pop(path, None)
        self._done.add(path)
