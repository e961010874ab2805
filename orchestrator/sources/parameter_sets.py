"""The parameter sets of an H.264 stream, which its keyframes need before their slices. Pure.

Encoders send them with each keyframe, or once at the beginning: a file that begins later needs them
all the same.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

_IDR: Final = 5
_SPS: Final = 7
_PPS: Final = 8
_DELIMITER: Final = 9
"""NAL unit types (ITU-T H.264 table 7-1); 1 to 5 are slices."""

_START: Final = b"\0\0\0\1"

MOST_IDS: Final = {_SPS: 32, _PPS: 256}
"""ITU-T H.264 §7.4.2.1.1, §7.4.2.2."""

MOST_UNITS: Final = 512
"""NAL units that are read before the first slice of a frame: all parameter sets there can be, and
more. One of start codes alone would hold up the event loop."""

LARGEST: Final = 1024
"""Bytes of one that is remembered; they have some dozen."""


class FrameKind(Enum):
    """What an H.264 frame is."""

    KEYFRAME = "keyframe"
    DELTA = "delta"
    NO_SLICE = "no slice"
    """Parameter sets or other information alone."""
    NO_SETS = "no parameter sets"
    """A keyframe of which the parameter sets aren't known: it can't be decoded."""


class ParameterSets:
    """The latest ones of one stream, by their ids."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], bytes] = {}

    def take(self, data: bytes) -> tuple[FrameKind, bytes]:
        """Remembers those of a frame (Annex B); gives its kind, and a keyframe with all it needs.

        A keyframe is one of IDR slices.
        """
        own: set[int] = set()
        at, insert_at = data.find(b"\0\0\1"), 0
        for _ in range(MOST_UNITS):
            if at < 0:
                return FrameKind.NO_SLICE, data
            begins = at + 3
            kind = data[begins] & 0x1F if begins < len(data) else 0
            if 1 <= kind <= _IDR:
                if kind != _IDR:
                    return FrameKind.DELTA, data
                return self._keyframe(data, own, insert_at)
            at = data.find(b"\0\0\1", begins)
            nal = data[begins : at if at >= 0 else len(data)].rstrip(b"\0")
            if kind in MOST_IDS:
                own.add(kind)
                self._remember(kind, nal)
            elif kind == _DELIMITER and not own:
                insert_at = begins + len(nal)
        return FrameKind.NO_SETS, data

    def _keyframe(self, data: bytes, own: set[int], insert_at: int) -> tuple[FrameKind, bytes]:
        if len(own) == len(MOST_IDS):
            return FrameKind.KEYFRAME, data
        if {kind for kind, _ in self._known} != MOST_IDS.keys():
            return FrameKind.NO_SETS, data
        sets = b"".join(_START + self._known[key] for key in sorted(self._known))
        return FrameKind.KEYFRAME, data[:insert_at] + sets + data[insert_at:]

    def _remember(self, kind: int, nal: bytes) -> None:
        number = _exp_golomb(nal[4:8] if kind == _SPS else nal[1:5])
        if number < MOST_IDS[kind] and len(nal) <= LARGEST:
            self._known[kind, number] = nal


def _exp_golomb(data: bytes) -> int:
    """The number that these bytes begin with (ITU-T H.264 §9.1); a large one if they end first."""
    bits = int.from_bytes(data)
    length = 8 * len(data)
    zeros = length - bits.bit_length()
    if 2 * zeros + 1 > length:
        return 1 << 16
    return (bits >> (length - 2 * zeros - 1)) - 1
