"""One segment of a recording as HLS has it: its headers, its pieces, and their bytes. Blocking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from orchestrator.fragments.fragment import Container, Fragment, NotFragmented
from orchestrator.fragments.reader import FragmentReader
from orchestrator.hls.audio_span import span_of
from orchestrator.hls.codecs import CodecInfo, playable
from orchestrator.hls.delays import delayed, without_delays
from orchestrator.hls.fmp4 import Sample
from orchestrator.hls.microphones import Microphones
from orchestrator.hls.pieces import Piece, PieceMaker

_EBML: Final = b"\x1aE\xdf\xa3"


@dataclass(slots=True)
class SegmentRun:
    """Follows a segment while it is written. For one thread at a time."""

    number: int
    path: Path
    container: Container
    offset_s: float
    copied: bool
    pieces: list[Piece] = field(default_factory=list)
    inits: list[bytes] = field(default_factory=list)
    """Its headers: another one from each piece on in which a track begins."""
    codecs: list[CodecInfo] = field(default_factory=list)
    ended: bool = False
    """All of it is in `pieces`."""
    problem: str | None = None
    """Why it can't be had as HLS."""
    version: int = 0
    """How often an encode has taken the place of the file that it is read from."""
    final_whole: bool = False
    """It is a whole final file, not one of its segments."""
    _reader: FragmentReader = field(init=False)
    _maker: PieceMaker = field(init=False)
    _waiting: list[Piece] = field(default_factory=list)
    _late: dict[int, int] = field(default_factory=dict)
    """Ticks by which tracks of MP4 begin later than the file."""
    _first: dict[str, Piece] = field(default_factory=dict)
    """Where the first packet of each kind is, of Matroska."""
    _silent: bool = False
    """Its header has a track of Opus, as audio may come later."""
    _microphones: Microphones = field(default_factory=Microphones)

    def __post_init__(self) -> None:
        self._reader = FragmentReader(self.path, self.container)
        self._maker = PieceMaker(copied=self.copied)

    @property
    def name(self) -> str:
        """Of its folder, in the addresses of its pieces."""
        return f"{self.number}-{self.version}" if self.version else str(self.number)

    @property
    def left_out(self) -> int:
        """Tracks of the segment that HLS doesn't have, as far as is known: more video."""
        return max(0, self._reader.videos - 1)

    @property
    def open(self) -> list[Fragment]:
        """Of the piece that isn't whole yet."""
        return self._maker.open

    @property
    def open_number(self) -> int:
        """Of the piece that isn't whole yet."""
        return self._maker.number

    @property
    def open_gap(self) -> bool:
        """Whether the piece that isn't whole yet is behind a gap."""
        return self._maker.gap

    def has_part(self, piece: int, part: int) -> bool:
        """Whether this part of this piece is there: a fragment of MP4."""
        if self.container != "mp4":
            return False
        if piece < len(self.pieces):
            return part < len(self.pieces[piece].fragments)
        return piece == self.open_number and part < len(self.open)

    def poll(self, *, last: bool = False) -> bool:
        """Looks at the file; whether there is anything new. `last`: it doesn't grow any more."""
        if self.ended or self.problem:
            return False
        before = self._maker.number
        fragments = self._fragments(last=last)
        for fragment in fragments:
            self._waiting += self._maker.add(fragment)
        if (keyframe_s := self._reader.keyframe_s) is not None:
            self._waiting += self._maker.keyframe(keyframe_s)
        if last or self._reader.ended:
            self._waiting += self._maker.close()
            self.ended = True
        self._take()
        return bool(fragments) or self._maker.number > before or self.ended

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
        """Pieces are there when their header is."""
        if not self.inits:
            self._begin()
        if not self.inits:
            return
        taken = 0
        for piece in self._waiting:
            self._look_at(piece)
            if self._begins_track(piece):
                self._add_header(partial(self._init_with, piece))
            placed = self._microphones.placed(piece, self._behind(taken), last=self.ended)
            if self.problem or placed is None:
                break
            self.pieces.append(replace(placed, header=len(self.inits) - 1))
            taken += 1
        del self._waiting[:taken]

    def _behind(self, number: int) -> Iterator[Fragment]:
        """All that is known to be behind one of the pieces that wait."""
        for later in range(number + 1, len(self._waiting)):
            yield from self._waiting[later].fragments
        yield from self._maker.open

    def _look_at(self, piece: Piece) -> None:
        if self.copied and self.container != "mp4":
            self._microphones.look(piece, partial(self._has_place, piece))

    def _has_place(self, piece: Piece) -> bool:
        """Whether HLS can have its audio as it is."""
        from orchestrator.hls.repackaging import CODECS

        streams = [s for s in _streams(self._packets(piece.fragments)) if s.type == "audio"]
        return all(stream.codec_context.codec.canonical_name in CODECS for stream in streams)

    def _begin(self) -> None:
        if self.container == "mp4":
            if self._reader.header:
                self._add_header(self._init_of_mp4)
        elif (first := next(filter(self._kinds, self._waiting), None)) is not None:
            self._look_at(first)
            self._add_header(partial(self._init_with, first))

    def _begins_track(self, piece: Piece) -> bool:
        """Whether there is one in it that the header doesn't have."""
        new = self._kinds(piece) - self._first.keys()
        if new == {"audio"} and self._silent and self._is_opus(piece):
            self._first["audio"] = piece
            return False
        return bool(new) or (self._microphones.mixes and not self._has_opus())

    def _is_opus(self, piece: Piece) -> bool:
        """Whether its audio is Opus in HLS."""
        streams = [s for s in _streams(self._packets(piece.fragments)) if s.type == "audio"]
        names = {stream.codec_context.codec.canonical_name for stream in streams}
        return self._microphones.mixes or names == {"opus"}

    def _has_opus(self) -> bool:
        return any(info.codec == "opus" for info in self.codecs)

    def _kinds(self, piece: Piece) -> set[str]:
        """Of its tracks; of MP4 the header has all from the beginning on.

        A header depends on what is in the segment alone, as pieces do: not on when it was read.
        """
        if self.container == "mp4":
            return set()
        return {kind for fragment in piece.fragments for kind in fragment.kinds}

    def _add_header(self, made: Callable[[], bytes]) -> None:
        try:
            init = made()
            self.codecs = playable(init)
            self.inits.append(init)
        except ValueError as error:
            self.problem = str(error)

    def _init_of_mp4(self) -> bytes:
        init, self._late = without_delays(self._reader.header)
        return init

    def _init_with(self, piece: Piece) -> bytes:
        """With the tracks of before, and those that begin in this piece; a copy's has audio."""
        from orchestrator.hls.repackaging import by_kind, chosen, init_of, silent_packet

        first = {**dict.fromkeys(self._kinds(piece), piece), **self._first}
        silent = self.copied and ("audio" not in first or self._microphones.mixes)
        kinds = first.keys() - {"audio"} if silent else first.keys()
        packets = []
        for kind in kinds:
            own = self._packets(first[kind].fragments)
            streams = chosen(stream for stream in _streams(own) if stream.type in kinds)
            packets += by_kind(own, streams).get(kind, [])[:1]
        if silent:
            packets.append(silent_packet())
        init, self._first, self._silent = init_of(packets), first, silent
        return init

    def _packets(self, fragments: tuple[Fragment, ...], path: Path | None = None) -> list[Any]:
        from orchestrator.hls.repackaging import demuxed

        data = b"".join(self._reader.read(fragment, path) for fragment in fragments)
        return demuxed(self._reader.header, data, self.container)

    def is_range(self, piece: Piece) -> bool:
        """Whether a piece's bytes are in the segment as they are: nothing is made for it."""
        return self.container == "mp4" and bool(piece.fragments)

    def data(self, piece: Piece, path: Path | None = None) -> bytes:
        """A piece's bytes, of its fragments; `path`: where the file is now.

        OSError; ValueError if it can't be read there.
        """
        if self.container == "mp4":
            return self.part(piece.fragments, path)
        from orchestrator.hls.repackaging import by_kind, chosen, repackaged, tracks_of

        own, init = self._packets(piece.fragments, path), self.inits[piece.header]
        kinds = {"video" if track.is_video else "audio" for track in tracks_of(init)}
        audio = self._mixed(piece, own, path) if piece.mixed else None
        kinds -= {"audio"} if piece.mixed else set()
        found = by_kind(own, chosen(s for s in _streams(own) if s.type in kinds))
        return repackaged(init, found, 0.0, piece, silence=self.copied, audio=audio)

    def _mixed(self, piece: Piece, own: list[Any], path: Path | None) -> list[Sample]:
        from orchestrator.hls.mixed_audio import mixed, placed

        found = (*self._packets(piece.around, path), *own)
        audio = [packet for packet in found if packet.stream.type == "audio"]
        span = span_of(piece, self.pieces)
        return mixed((placed(packet, 0.0) for packet in audio), span)

    def part(self, fragments: tuple[Fragment, ...], path: Path | None = None) -> bytes:
        """Some fragments of MP4 as they are in the file, but for when late tracks begin."""
        data = b"".join(self._reader.read(fragment, path) for fragment in fragments)
        return delayed(data, self._late)


def _streams(own: Sequence[Any]) -> list[Any]:
    """Of the file that these packets are of, those of video, and those of audio that have some."""
    used = {packet.stream.index for packet in own}
    found = own[0].stream.container.streams if own else ()
    return [stream for stream in found if stream.type != "audio" or stream.index in used]


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
