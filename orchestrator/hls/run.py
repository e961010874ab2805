"""One segment of a recording as HLS has it: its header, its pieces, and their bytes. Blocking."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from orchestrator.fragments.fragment import Container, Fragment, NotFragmented
from orchestrator.fragments.reader import FragmentReader
from orchestrator.hls.codecs import CodecInfo, playable
from orchestrator.hls.delays import delayed, without_delays
from orchestrator.hls.pieces import Piece, PieceMaker

_EBML: Final = b"\x1aE\xdf\xa3"
_MOST_FOR_INIT: Final = 3
"""Pieces in which each track's first packet is looked for."""


@dataclass(slots=True)
class SegmentRun:
    """Follows a segment while it is written. For one thread at a time."""

    number: int
    path: Path
    container: Container
    offset_s: float
    copied: bool
    pieces: list[Piece] = field(default_factory=list)
    init: bytes = b""
    codecs: list[CodecInfo] = field(default_factory=list)
    ended: bool = False
    """All of it is in `pieces`."""
    problem: str | None = None
    """Why it can't be had as HLS."""
    final_whole: bool = False
    """It is a whole final file, not one of its segments."""
    _reader: FragmentReader = field(init=False)
    _maker: PieceMaker = field(init=False)
    _waiting: list[Piece] = field(default_factory=list)
    _late: dict[int, int] = field(default_factory=dict)
    """Ticks by which tracks of MP4 begin later than the file."""

    def __post_init__(self) -> None:
        self._reader = FragmentReader(self.path, self.container)
        self._maker = PieceMaker(copied=self.copied)

    @property
    def open(self) -> list[Fragment]:
        """Of the piece that isn't whole yet."""
        return self._maker.open

    @property
    def open_number(self) -> int:
        """Of the piece that isn't whole yet."""
        return self._maker.number

    def poll(self, *, last: bool = False) -> bool:
        """Looks at the file; whether there is anything new. `last`: it doesn't grow any more."""
        if self.ended or self.problem:
            return False
        fragments = self._fragments(last=last)
        for fragment in fragments:
            self._waiting += self._maker.add(fragment)
        if last or self._reader.ended:
            self._waiting += self._maker.close()
            self.ended = True
        self._take()
        return bool(fragments) or self.ended

    def _fragments(self, *, last: bool) -> list[Fragment]:
        found: list[Fragment] = []
        try:
            while new := self._reader.poll(last=last):
                found += new
        except FileNotFoundError:
            self.ended = self.ended or last
        except (NotFragmented, OSError):
            if last:
                self.ended = True
            elif not found:
                raise
        return found

    def _take(self) -> None:
        """Pieces are there when the header is."""
        if not self.init and not self._make_init():
            return
        self.pieces += self._waiting
        self._waiting = []

    def _make_init(self) -> bool:
        try:
            if self.container == "mp4":
                header = self._reader.header
                self.init, self._late = without_delays(header) if header else (b"", {})
            else:
                self.init = self._init_of_packets()
            self.codecs = playable(self.init) if self.init else []
        except ValueError as error:
            self.problem, self.init = str(error), b""
        return bool(self.init)

    def _init_of_packets(self) -> bytes:
        from orchestrator.hls.repackaging import chosen, init_of

        found: list[Any] = []
        streams: list[Any] = []
        for piece in self._waiting[:_MOST_FOR_INIT]:
            own = self._packets(piece.fragments)
            if own:
                streams = chosen(own[0].stream.container.streams)
                wanted = {stream.index for stream in streams}
                found += [packet for packet in own if packet.stream.index in wanted]
            if streams and {packet.stream.index for packet in found} >= {s.index for s in streams}:
                return init_of(found)
        enough = len(self._waiting) >= _MOST_FOR_INIT or self.ended
        return init_of(found) if found and enough else b""

    def _packets(self, fragments: tuple[Fragment, ...], path: Path | None = None) -> list[Any]:
        from orchestrator.hls.repackaging import demuxed

        data = b"".join(self._reader.read(fragment, path) for fragment in fragments)
        return demuxed(self._reader.header, data, self.container)

    def data(self, piece: Piece, path: Path | None = None) -> bytes:
        """A piece's bytes, of its fragments; `path`: where the file is now.

        OSError; ValueError if it can't be read there.
        """
        if self.container == "mp4":
            return self.part(piece.fragments, path)
        from orchestrator.hls.repackaging import chosen, repackaged

        own = self._packets(piece.fragments, path)
        streams = chosen(own[0].stream.container.streams) if own else []
        by_track = [[p for p in own if p.stream.index == stream.index] for stream in streams]
        return repackaged(piece.number + 1, self.init, by_track, 0.0, piece.end_s)

    def part(self, fragments: tuple[Fragment, ...], path: Path | None = None) -> bytes:
        """Some fragments of MP4 as they are in the file, but for when late tracks begin."""
        data = b"".join(self._reader.read(fragment, path) for fragment in fragments)
        return delayed(data, self._late)


def container_of(path: Path) -> Container | None:
    """By its first bytes; None before there are any."""
    try:
        with path.open("rb", buffering=0) as file:
            beginning = file.read(8)
    except OSError:
        return None
    if len(beginning) < 8:
        return None
    return "matroska" if beginning.startswith(_EBML) else "mp4"
