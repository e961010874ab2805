"""Pieces of a finished file that isn't one of the segments: found by their times. Blocking: PyAV.

Several segments are joined into a file, whose index is another and whose positions are others. Its
packets are those of the segments, each at its place in the recording's time, so the same pieces
are made of it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any, Final

import av

from orchestrator.fragments.fragment import Undecodable
from orchestrator.hls.audio_span import span_of
from orchestrator.hls.fmp4 import Sample
from orchestrator.hls.mixed_audio import mixed, placed
from orchestrator.hls.pieces import ENCODED_S, Piece
from orchestrator.hls.repackaging import (
    CODECS,
    by_kind,
    chosen,
    init_of,
    repackaged,
    silent_packet,
)

_OPTIONS: Final = {"probesize": "1048576", "analyzeduration": "0"}
_TOLERANCE_S: Final = 0.002
"""By which a packet may be before its piece: joins round times to milliseconds."""
_BEHIND_S: Final = 3.0
"""How far behind a piece's end a track is looked for at most: interleaving."""


def data_of(
    path: Path,
    init: bytes,
    pieces: Sequence[Piece],
    number: int,
    shift_s: float,
    *,
    silence: bool = False,
) -> bytes:
    """The bytes of one of a segment's pieces behind its header.

    `shift_s`: added to a time in the segment gives that in the file. `silence`: as `repackaged`.
    OSError, Undecodable, hls.codecs.NotPlayable.
    """
    piece = pieces[number]
    audio = _mixed(path, pieces, piece, shift_s) if piece.mixed else None
    with _opened(path) as file:
        wanted = [*file.streams.video[:1], *(file.streams.audio if audio is None else ())]
        found = _between(file, wanted, piece.begin_s + shift_s, piece.end_s + shift_s)
        used = {packet.stream.index for packet in found}
        kinds = by_kind(found, chosen(each for each in wanted if each.index in used))
        return repackaged(init, kinds, -shift_s, piece, silence=silence, audio=audio)


def _mixed(path: Path, pieces: Sequence[Piece], piece: Piece, shift_s: float) -> list[Sample]:
    """Of the segment's own audio: before it and behind it the file has that of others."""
    span, end_ms = span_of(piece, pieces), round(1000 * pieces[-1].end_s)
    begin_s, end_s = span.begin_ms / 1000 + shift_s, span.end_ms / 1000 + shift_s
    with _opened(path) as file:
        packets = _between(file, list(file.streams.audio), begin_s, end_s)
        found = [placed(each, -shift_s) for each in packets]
        return mixed([each for each in found if 0 <= each[0] < end_ms], span)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with av.open(str(path.absolute()), options=dict(_OPTIONS)) as file:
            yield file
    except OSError:
        raise
    except av.FFmpegError as error:
        raise Undecodable(f"libavformat: {error}") from error


def _between(file: Any, streams: list[Any], begin_s: float, end_s: float) -> list[Any]:
    """The packets of these streams from one time to the other, rounded as joins do."""
    begin_s, end_s = begin_s - _TOLERANCE_S, end_s - _TOLERANCE_S
    if begin_s > 0:
        file.seek(round(begin_s * av.time_base), backward=True)
    else:
        begin_s = -inf  # an encoder's run-up is before zero
    found: list[Any] = []
    beyond: set[int] = set()
    for packet in file.demux(streams):
        if not packet.size or packet.pts is None:
            continue
        at_s = float(packet.pts * packet.time_base)
        if begin_s <= at_s < end_s:
            found.append(packet)
        elif at_s >= end_s:
            beyond.add(packet.stream.index)
            if len(beyond) == len(streams) or at_s > end_s + _BEHIND_S:
                break
    return found


def derived(path: Path, *, copied: bool) -> tuple[bytes, list[Piece]]:
    """Header and pieces of a file whose segments nobody knows any more, by its keyframes; several
    microphones of a copy are mixed.

    OSError, Undecodable, hls.codecs.NotPlayable.
    """
    with _opened(path) as file:
        mixes = copied and _mixes(file.streams.audio)
        streams = chosen(each for each in file.streams if not (mixes and each.type == "audio"))
        init = _init(file, streams, [silent_packet()] if mixes else [])
        length_s = (file.duration or 0) / av.time_base
        file.seek(file.duration or 0, backward=True)  # Matroska's index is read when it is needed
        times = _keyframes_s(streams[0]) if streams else []
    pieces = _pieces(times or [0.0], length_s)
    return init, [replace(piece, mixed=mixes) for piece in pieces]


def _mixes(audio: Sequence[Any]) -> bool:
    names = [stream.codec_context.codec.canonical_name for stream in audio]
    return len(names) > 1 or any(name not in CODECS for name in names)


def _init(file: Any, streams: list[Any], more: list[Any]) -> bytes:
    first: dict[int, Any] = {}
    for packet in file.demux(streams):
        if packet.size:
            first.setdefault(packet.stream.index, packet)
        if len(first) == len(streams):
            break
    return init_of([*first.values(), *more])


def _keyframes_s(stream: Any) -> list[float]:
    if stream.type != "video":
        length_s = float((stream.duration or 0) * stream.time_base)
        return [number * ENCODED_S for number in range(1 + int(length_s / ENCODED_S))]
    return [float(e.timestamp * stream.time_base) for e in stream.index_entries if e.is_keyframe]


def _pieces(keyframes_s: list[float], length_s: float) -> list[Piece]:
    begins_s: list[float] = []
    for at_s in keyframes_s:
        if not begins_s or at_s - begins_s[-1] >= ENCODED_S - _TOLERANCE_S:
            begins_s.append(at_s)
    ends = [*begins_s, max(length_s, begins_s[-1] + 0.001)]
    return [Piece(n, begin, end, True) for n, (begin, end) in enumerate(pairwise(ends))]
