"""The parameter sets of an H.264 or H.265 stream, which keyframes need before their slices. Pure.

Encoders send them with each keyframe, or once at the beginning: a file that begins later needs them
all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from orchestrator.sources.bitstreams import h265_sps
from orchestrator.sources.bitstreams.bits import Bits

START: Final = b"\0\0\0\1"
"""Before each NAL unit (Annex B)."""

MOST_UNITS: Final = 512
"""NAL units that are read before the first slice of a frame: all parameter sets there can be, and
more. One of start codes alone would hold up the event loop."""

LARGEST: Final = 1024
"""Bytes of one that is remembered; they have some dozen."""


class FrameKind(Enum):
    """What an encoded frame is."""

    KEYFRAME = "keyframe"
    DELTA = "delta"
    NO_SLICE = "no slice"
    """Parameter sets or other information alone."""
    NO_SETS = "no parameter sets"
    """A keyframe of which the parameter sets aren't known: it can't be decoded."""


@dataclass(frozen=True, slots=True)
class NalSyntax:
    """What the NAL units of a codec are."""

    kind: Callable[[int], int]
    """The type of one, by its first byte."""
    slices: range
    keyframes: range
    delimiter: int
    sets: Mapping[int, int]
    """How many ids parameter sets of each type may have."""
    number: Callable[[int, bytes], int]
    """The id of one, by its type and itself. Raises ValueError."""


def _h264_number(kind: int, nal: bytes) -> int:
    return Bits(nal[4:8] if kind == 7 else nal[1:5]).unsigned()


def _h265_number(kind: int, nal: bytes) -> int:
    bits = Bits(nal[2:].replace(b"\0\0\3", b"\0\0"))
    return {32: lambda bits: bits.take(4), 33: h265_sps.number_of}.get(kind, Bits.unsigned)(bits)


H264: Final = NalSyntax(
    kind=lambda head: head & 0x1F,
    slices=range(1, 6),
    keyframes=range(5, 6),
    delimiter=9,
    sets={7: 32, 8: 256},
    number=_h264_number,
)
"""ITU-T H.264 table 7-1, §7.4.2.1.1, §7.4.2.2. A keyframe is one of IDR slices."""

H265: Final = NalSyntax(
    kind=lambda head: head >> 1 & 0x3F,
    slices=range(32),
    keyframes=range(16, 24),
    delimiter=35,
    sets={32: 16, h265_sps.TYPE: 16, 34: 64},
    number=_h265_number,
)
"""ITU-T H.265 table 7-1, §7.4.3.1 to §7.4.3.3. Keyframes are all with which decoding may begin."""


class ParameterSets:
    """The latest ones of one stream, by their ids."""

    def __init__(self, syntax: NalSyntax = H264) -> None:
        self._syntax = syntax
        self._known: dict[tuple[int, int], bytes] = {}

    def take(self, data: bytes) -> tuple[FrameKind, bytes]:
        """Remembers those of a frame (Annex B); its kind, and a keyframe with all it needs."""
        own: set[int] = set()
        syntax = self._syntax
        at, insert_at = data.find(b"\0\0\1"), 0
        for _ in range(MOST_UNITS):
            if at < 0:
                return FrameKind.NO_SLICE, data
            begins = at + 3
            kind = syntax.kind(data[begins]) if begins < len(data) else -1
            if kind in syntax.slices:
                if kind not in syntax.keyframes:
                    return FrameKind.DELTA, data
                return self._keyframe(data, own, insert_at)
            at = data.find(b"\0\0\1", begins)
            nal = data[begins : at if at >= 0 else len(data)].rstrip(b"\0")
            if kind in syntax.sets:
                own.add(kind)
                self._remember(kind, nal)
            elif kind == syntax.delimiter and not own:
                insert_at = begins + len(nal)
        return FrameKind.NO_SETS, data

    def _keyframe(self, data: bytes, own: set[int], insert_at: int) -> tuple[FrameKind, bytes]:
        if len(own) == len(self._syntax.sets):
            return FrameKind.KEYFRAME, data
        if {kind for kind, _ in self._known} != self._syntax.sets.keys():
            return FrameKind.NO_SETS, data
        sets = b"".join(START + self._known[key] for key in sorted(self._known))
        return FrameKind.KEYFRAME, data[:insert_at] + sets + data[insert_at:]

    def _remember(self, kind: int, nal: bytes) -> None:
        try:
            number = self._syntax.number(kind, nal[:LARGEST])
        except ValueError:
            return
        if number < self._syntax.sets[kind] and len(nal) <= LARGEST:
            self._known[kind, number] = nal
