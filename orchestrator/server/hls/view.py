"""A recording's playlists, made again when there is something new. For one thread at a time."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from orchestrator.catalog.models import Recording
from orchestrator.catalog.pauses.model import Pause
from orchestrator.fragments.fragment import Fragment
from orchestrator.hls import playlist
from orchestrator.hls.pieces import ENCODED_S, TARGET_S, Piece
from orchestrator.hls.playlist import Entry, Live, Part
from orchestrator.hls.run import SegmentRun
from orchestrator.server.hls.rows import Rows

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
    _gzip: bytes = b""

    def compressed(self) -> bytes:
        """Blocking for long ones."""
        if not self._gzip:
            self._gzip = gzip.compress(self.plain, _COMPRESSED, mtime=0)
        return self._gzip


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


@dataclass(slots=True)
class Views:
    """Keeps the lines that don't change any more."""

    _lines: list[str] = field(default_factory=list)
    _entries: list[Entry] = field(default_factory=list)
    _bits: dict[tuple[int, int], float] = field(default_factory=dict)
    _version: int = 0

    def make(self, rows: Rows, runs: Sequence[SegmentRun], *, ended: bool) -> View:
        """The view of these runs; pieces that were there before are the same."""
        options = _Options.of(rows)
        self._add(rows, runs)
        self._version += 1
        media = self._media(rows, runs, options, ended=ended)
        live = options.low_latency and not ended
        return View(
            _text(media, self._version),
            _text(_master(runs), self._version),
            len(self._entries),
            len(runs[-1].open) if live and runs else 0,
            _target_s(rows),
            live,
            ended,
        )

    def _add(self, rows: Rows, runs: Sequence[SegmentRun]) -> None:
        known = len(self._entries)
        at = 0
        for run in runs:
            if at + len(run.pieces) <= known:
                at += len(run.pieces)
                continue
            for piece in run.pieces[known - at :]:
                entry = _entry(rows, run, piece)
                previous = self._entries[-1] if self._entries else None
                self._lines.append(playlist.lines_of(entry, previous))
                self._entries.append(entry)
            at += len(run.pieces)
            known = at

    def _media(
        self, rows: Rows, runs: Sequence[SegmentRun], options: _Options, *, ended: bool
    ) -> str:
        count = len(self._entries)
        first = self._first(options.window_s, _target_s(rows))
        whole = options.low_latency and not ended
        with_parts = max(first, count - playlist.PARTS_OF_PIECES) if whole else count
        written = self._lines[first:with_parts]
        if first and written:
            written[0] = playlist.lines_of(self._entries[first], None)
        latest = self._entries[with_parts:]
        if whole:
            latest = [_with_parts(entry, runs) for entry in latest]
        before = self._entries[with_parts - 1] if with_parts > first else None
        runs_before = len({entry.run for entry in self._entries[:first]})
        same = bool(first) and self._entries[first - 1].run == self._entries[first].run
        return playlist.media(
            written,
            latest,
            before,
            target_s=_target_s(rows),
            first=first,
            discontinuities=runs_before - same,
            ended=ended,
            independent=rows.recording.tracks is None,
            window=options.window_s is not None,
            live=_live(rows, runs, self._entries) if whole else None,
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
    return f"{run.number}/{piece}.{part}.m4s"


def captured_at(recording: Recording, pauses: Sequence[Pause], at_s: float) -> datetime | None:
    """When what is there in the recording's time was captured: pauses aren't in it."""
    if recording.started_at is None:
        return None
    cut = (pause for pause in pauses if pause.mode == "cut" and pause.at_s <= at_s + 0.001)
    return recording.started_at + timedelta(seconds=at_s + sum(p.length_s or 0.0 for p in cut))


def _target_s(rows: Rows) -> int:
    return TARGET_S[rows.recording.tracks is not None]


def _entry(rows: Rows, run: SegmentRun, piece: Piece) -> Entry:
    at_s = run.offset_s + piece.begin_s
    jumps = any(at_s - 2 * ENCODED_S - piece.length_s < p.at_s <= at_s + 0.001 for p in rows.pauses)
    return Entry(
        uri=f"{run.number}/{piece.number}.m4s",
        length_s=piece.length_s,
        at=captured_at(rows.recording, rows.pauses, at_s),
        init=f"{run.number}/init.mp4",
        run=run.number,
        in_run=piece.number,
        jumps=jumps,
    )


def _parts(run: SegmentRun, piece: int, fragments: Sequence[Fragment]) -> list[Part]:
    return [
        Part(part_uri(run, piece, number), one.end_s - one.begin_s, one.independent)
        for number, one in enumerate(fragments)
    ]


def _with_parts(entry: Entry, runs: Sequence[SegmentRun]) -> Entry:
    run = next(run for run in runs if run.number == entry.run)
    parts = _parts(run, entry.in_run, run.pieces[entry.in_run].fragments)
    return Entry(
        entry.uri,
        entry.length_s,
        entry.at,
        entry.init,
        entry.run,
        entry.in_run,
        entry.jumps,
        parts,
    )


def _live(rows: Rows, runs: Sequence[SegmentRun], entries: Sequence[Entry]) -> Live:
    run = runs[-1]
    at = None
    if run.open:
        at = captured_at(rows.recording, rows.pauses, run.offset_s + run.open[0].begin_s)
    return Live(
        open_parts=_parts(run, run.open_number, run.open),
        open_at=at,
        open_init=f"{run.number}/init.mp4",
        open_begins_run=not entries or entries[-1].run != run.number,
        hint=None if run.ended else part_uri(run, run.open_number, len(run.open)),
    )


def _master(runs: Sequence[SegmentRun]) -> str:
    """Rates are those of the pieces, as far as their sizes are known."""
    rates = [rate for run in runs for piece in run.pieces if (rate := _rate_bps(piece))]
    peak = max(rates, default=0.0)
    average = sum(rates) / len(rates) if rates else 0.0
    return playlist.master(
        runs[-1].codecs if runs else [],
        bandwidth_bps=round(peak),
        average_bps=round(average),
        media_uri=MEDIA,
    )


def _rate_bps(piece: Piece) -> float:
    size = sum(fragment.length for fragment in piece.fragments)
    return 8 * size / max(piece.length_s, ENCODED_S / 2)


def _text(text: str, version: int) -> Text:
    return Text(text.encode(), f'"{version:x}-{len(text):x}"')
