"""A recording's playlists, made again when there is something new. For one thread at a time."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Final
from zlib import crc32

from orchestrator.catalog.models import Recording
from orchestrator.catalog.pauses.model import Pause
from orchestrator.fragments.fragment import Fragment
from orchestrator.hls import playlist
from orchestrator.hls.pieces import ENCODED_S, TARGET_S, Piece
from orchestrator.hls.playlist import Entry, Live, Part
from orchestrator.hls.run import SegmentRun
from orchestrator.recordings.hls.rows import Rows

MASTER: Final = "master.m3u8"
MEDIA: Final = "video.m3u8"
_LEAST_TARGETS: Final = 3
"""Of a window, in target durations (RFC 8216 §6.2.2)."""
_COMPRESSED: Final = 5
"""Level of gzip: playlists repeat themselves."""


@dataclass(slots=True)
class Text:
    """A playlist, and compressed once somebody wants it so."""

    plain: bytes
    etag: str
    _gzip: asyncio.Task[bytes] | None = None

    async def compressed(self) -> bytes:
        """Made once for all who ask, in one thread."""
        if self._gzip is None:
            made = asyncio.to_thread(gzip.compress, self.plain, _COMPRESSED, mtime=0)
            self._gzip = asyncio.create_task(made)
        # One that hangs up must not take it from the others.
        return await asyncio.shield(self._gzip)


@dataclass(frozen=True, slots=True)
class View:
    """What there is at one moment."""

    media: Text
    master: Text
    pieces: int
    """Whole ones; the next one's number."""
    parts: int
    """Of the piece that isn't whole yet."""
    target_s: int
    low_latency: bool
    ended: bool
    left_out: int
    """Tracks of video that are in the files only, as far as is known."""


@dataclass(slots=True)
class _Rates:
    """Of the pieces whose sizes are known, in bits per second."""

    total: float = 0.0
    count: int = 0
    peak: float = 0.0

    def add(self, piece: Piece, known: int | None) -> None:
        size = known or sum(fragment.length for fragment in piece.fragments)
        if size:
            rate = 8 * size / max(piece.length_s, ENCODED_S / 2)
            self.total, self.count = self.total + rate, self.count + 1
            self.peak = max(self.peak, rate)


@dataclass(slots=True)
class Views:
    """Keeps the lines that don't change any more, and sums of what they say."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    """Bytes of pieces by their address, where they are known otherwise than by their fragments."""
    _lines: list[str] = field(default_factory=list)
    _entries: list[Entry] = field(default_factory=list)
    _breaks: list[int] = field(default_factory=list)
    """Discontinuities up to each entry."""
    _rates: _Rates = field(default_factory=_Rates)
    _longest_s: float = 0.0
    _independent: bool = True

    def make(
        self, rows: Rows, runs: Sequence[SegmentRun], *, ended: bool, most: int | None = None
    ) -> View:
        """The view of these runs, or of their first pieces, `most` of them; pieces that were there
        before are the same.
        """
        options = _Options.of(rows)
        self._add(rows, runs, most)
        media = self._media(rows, runs, options, ended=ended)
        live = options.low_latency and not ended
        return View(
            _text(media),
            _text(_master(runs, self._rates)),
            len(self._entries),
            len(runs[-1].open) if live and runs else 0,
            self._target_s(rows),
            live,
            ended,
            _left_out(rows, runs),
        )

    def _add(self, rows: Rows, runs: Sequence[SegmentRun], most: int | None) -> None:
        known = len(self._entries)
        at = 0
        for run in runs:
            end = None if most is None else max(0, most - at)
            for piece in run.pieces[max(0, known - at) : end]:
                self._add_piece(rows, run, piece)
            at += len(run.pieces)

    def _add_piece(self, rows: Rows, run: SegmentRun, piece: Piece) -> None:
        entry = _entry(rows, run, piece)
        previous = self._entries[-1] if self._entries else None
        self._lines.append(playlist.lines_of(entry, previous))
        before = self._breaks[-1] if self._breaks else 0
        broken = previous is not None and playlist.breaks(entry, previous)
        self._breaks.append(before + broken)
        self._entries.append(entry)
        self._rates.add(piece, self.sizes.get(entry.uri))
        self._longest_s = max(self._longest_s, piece.length_s)
        self._independent = self._independent and piece.independent

    def _target_s(self, rows: Rows) -> int:
        """Pieces of files that are cut at their keyframes may be longer than others."""
        promised_s = TARGET_S[rows.recording.tracks is not None]
        return max(promised_s, ceil(round(self._longest_s, 3)))

    def _media(
        self, rows: Rows, runs: Sequence[SegmentRun], options: _Options, *, ended: bool
    ) -> str:
        count = len(self._entries)
        first = self._first(options.window_s, self._target_s(rows))
        whole = options.low_latency and not ended
        with_parts = max(first, count - playlist.PARTS_OF_PIECES) if whole else count
        written = self._lines[first:with_parts]
        if first and written:
            written[0] = playlist.lines_of(self._entries[first], None)
        latest = self._entries[with_parts:]
        if whole:
            latest = [_with_parts(entry, runs) for entry in latest]
        before = self._entries[with_parts - 1] if with_parts > first else None
        return playlist.media(
            written,
            latest,
            before,
            target_s=self._target_s(rows),
            first=first,
            discontinuities=self._breaks[first] if first else 0,
            ended=ended,
            independent=rows.recording.tracks is None and self._independent,
            window=options.window_s is not None,
            live=_live(rows, runs) if whole else None,
        )

    def _first(self, window_s: float | None, target_s: int) -> int:
        """Of the entries that a playlist has."""
        if window_s is None:
            return 0
        left_s, first = max(window_s, _LEAST_TARGETS * target_s), len(self._entries)
        while first and left_s > 0:
            first -= 1
            left_s -= self._entries[first].length_s
        return first


@dataclass(frozen=True, slots=True)
class _Options:
    """What the recording's outputs of HLS ask for together."""

    window_s: float | None
    low_latency: bool

    @classmethod
    def of(cls, rows: Rows) -> _Options:
        windows = [row.shown.get("window_s") for row in rows.outputs]
        low_latency = any(row.shown.get("low_latency") for row in rows.outputs)
        if not windows or None in windows:
            return cls(None, low_latency)
        return cls(max(window for window in windows if window is not None), low_latency)


def part_uri(run: SegmentRun, piece: int, part: int) -> str:
    """Of a part, beside the playlist."""
    return f"{run.name}/{piece}.{part}.m4s"


def captured_at(recording: Recording, pauses: Sequence[Pause], at_s: float) -> datetime | None:
    """When what is there in the recording's time was captured: pauses aren't in it."""
    if recording.started_at is None:
        return None
    cut = (pause for pause in pauses if pause.mode == "cut" and pause.at_s <= at_s + 0.001)
    return recording.started_at + timedelta(seconds=at_s + sum(p.length_s or 0.0 for p in cut))


def piece_uri(run: SegmentRun, piece: Piece) -> str:
    """Of a piece, beside the playlist."""
    return f"{run.name}/{piece.number}.m4s"


def init_uri(run: SegmentRun, header: int) -> str:
    """Of one of its headers."""
    return f"{run.name}/init{header or ''}.mp4"


def _entry(rows: Rows, run: SegmentRun, piece: Piece) -> Entry:
    at_s = run.offset_s + piece.begin_s
    jumps = any(at_s - 2 * ENCODED_S - piece.length_s < p.at_s <= at_s + 0.001 for p in rows.pauses)
    return Entry(
        uri=piece_uri(run, piece),
        length_s=piece.length_s,
        at=captured_at(rows.recording, rows.pauses, at_s),
        init=init_uri(run, piece.header),
        in_run=piece.number,
        jumps=jumps,
        gap=piece.gap,
    )


def _parts(run: SegmentRun, piece: int, fragments: Sequence[Fragment]) -> list[Part]:
    return [
        Part(part_uri(run, piece, number), one.end_s - one.begin_s, one.independent)
        for number, one in enumerate(fragments)
    ]


def _with_parts(entry: Entry, runs: Sequence[SegmentRun]) -> Entry:
    name = entry.uri.partition("/")[0]
    run = next(run for run in runs if run.name == name)
    return replace(entry, parts=_parts(run, entry.in_run, run.pieces[entry.in_run].fragments))


def _live(rows: Rows, runs: Sequence[SegmentRun]) -> Live:
    run = runs[-1]
    at = None
    if run.open:
        at = captured_at(rows.recording, rows.pauses, run.offset_s + run.open[0].begin_s)
    return Live(
        open_parts=_parts(run, run.open_number, run.open),
        open_at=at,
        open_init=init_uri(run, len(run.inits) - 1),
        open_gap=run.open_gap,
        hint=None if run.ended else part_uri(run, run.open_number, len(run.open)),
    )


def _left_out(rows: Rows, runs: Sequence[SegmentRun]) -> int:
    """Of the segments as far as they are there, else of the final files."""
    found = [run.left_out for run in runs]
    for file in rows.files.values():
        kinds = [track["kind"] for track in (file.probe or {}).get("tracks", ())]
        found.append(max(0, kinds.count("video") - 1))
    return max(found, default=0)


def _master(runs: Sequence[SegmentRun], rates: _Rates) -> str:
    return playlist.master(
        runs[-1].codecs if runs else [],
        bandwidth_bps=round(rates.peak),
        average_bps=round(rates.total / rates.count) if rates.count else 0,
        media_uri=MEDIA,
    )


def _text(text: str) -> Text:
    """Its ETag is that of any server that answers the same."""
    data = text.encode()
    return Text(data, f'"{crc32(data):08x}-{len(data):x}"')
