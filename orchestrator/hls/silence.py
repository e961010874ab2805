"""Silence of Opus where a microphone is muted, or hasn't begun. Pure.

Browsers play what they have of both audio and video (Media Source Extensions: `buffered` of several
tracks is what all have): they would leave out the video where audio lacks, and take no track that
isn't in the first header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from orchestrator.fragments.matroska_elements import cluster_of
from orchestrator.hls.fmp4 import Sample
from orchestrator.media import TrackKind
from orchestrator.stream_copy import matroska
from orchestrator.stream_copy.track import Track

RATE: Final = 48_000
"""Ticks per second of Opus in MP4."""
SILENT: Final = b"\xf8\xff\xfe"
"""A packet of 20 ms (RFC 6716 §3.1: CELT, one frame)."""
_SILENT_TICKS: Final = 960
_LONGEST_TICKS: Final = 5760
"""Of a packet (RFC 6716 §3.2.5); what lacks less was lost, and the one before lasts as long."""
_EARLY_TICKS: Final = RATE // 2
"""Audio this far before its piece came when its place was known: silence stands there already."""
_ROUNDED_TICKS: Final = RATE // 500
"""Matroska counts milliseconds."""


def with_silence(heard: Sequence[Sample], begin: int, end: int) -> list[Sample]:
    """A piece's audio without holes from `begin` to `end`, in ticks.

    `heard`: with their own lengths. The last packet of the piece before may last beyond `begin`.
    """
    made: list[Sample] = []
    at = begin
    for one in sorted(heard, key=lambda sample: sample.decode):
        if one.decode < begin - _EARLY_TICKS:
            continue
        bearable = _LONGEST_TICKS if made else one.duration + _ROUNDED_TICKS
        if one.decode - at > bearable:
            made += _silence(at, one.decode)
        made.append(one)
        at = max(at, one.decode + one.duration)
    if end - at > (_LONGEST_TICKS if made else 0):
        made += _silence(at, end)
    return _joined(made, end)


def silent_file() -> bytes:
    """A file of Matroska with nothing but such a packet."""
    entry = matroska.TrackEntry(Track("", TrackKind.AUDIO, "opus"), 1, matroska.OPUS_HEAD)
    block = matroska.block_head(1, 0, matroska.KEYFRAME, len(SILENT)) + SILENT
    return matroska.header("matroska", [entry], {}).data + cluster_of(0, len(block)) + block


def _silence(begin: int, end: int) -> list[Sample]:
    return [Sample(at, at, _SILENT_TICKS, True, SILENT) for at in range(begin, end, _SILENT_TICKS)]


def _joined(made: list[Sample], end: int) -> list[Sample]:
    """Each lasts until the next one begins, the last one until the piece ends or longer."""
    lasts = [max(0, following.decode - one.decode) for one, following in pairwise(made)]
    if made:
        lasts.append(max(made[-1].duration, end - made[-1].decode))
        if made[-1].data == SILENT:
            lasts[-1] = max(1, end - made[-1].decode)
    return [replace(one, duration=length) for one, length in zip(made, lasts, strict=True)]
