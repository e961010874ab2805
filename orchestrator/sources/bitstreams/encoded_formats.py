"""What an encoded frame is, codec by codec, and what it needs before it goes into a file. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from orchestrator.sources.bitstreams import av1_units, parameter_sets
from orchestrator.sources.bitstreams.bits import Size
from orchestrator.sources.bitstreams.frame_size import frame_size
from orchestrator.sources.bitstreams.parameter_sets import FrameKind, ParameterSets
from orchestrator.sources.bitstreams.vp9_superframe import Superframes


@dataclass(frozen=True, slots=True)
class ReadFrame:
    """A frame as it goes into a file."""

    kind: FrameKind
    data: bytes
    size: Size | None = None
    """Of a keyframe."""


class FrameReader(Protocol):
    """Reads the frames of one stream, in order."""

    def take(self, parts: Sequence[bytes]) -> ReadFrame:
        """`parts`: its layers, each not empty. Raises ValueError for what is no frame."""


class _Vp8:
    def take(self, parts: Sequence[bytes]) -> ReadFrame:
        data = b"".join(parts)
        if data[0] & 1:  # RFC 6386 §9.1
            return ReadFrame(FrameKind.DELTA, data)
        return ReadFrame(FrameKind.KEYFRAME, data, frame_size("vp8", data))


class _NalUnits:
    def __init__(self, codec: str, syntax: parameter_sets.NalSyntax) -> None:
        self._codec, self._sets = codec, ParameterSets(syntax)

    def take(self, parts: Sequence[bytes]) -> ReadFrame:
        kind, data = self._sets.take(b"".join(parts))
        keyframe = kind is FrameKind.KEYFRAME
        return ReadFrame(kind, data, frame_size(self._codec, data) if keyframe else None)


class _Vp9:
    def __init__(self) -> None:
        self._superframes = Superframes()

    def take(self, parts: Sequence[bytes]) -> ReadFrame:
        frame = self._superframes.join(parts)
        kind = FrameKind.KEYFRAME if frame.keyframe else FrameKind.DELTA
        return ReadFrame(kind, frame.data, frame.size)


class _Av1:
    """Encoders send the sequence header with each keyframe, or once at the beginning."""

    def __init__(self) -> None:
        self._header = b""

    def take(self, parts: Sequence[bytes]) -> ReadFrame:
        data = b"".join(parts)
        unit = av1_units.read(data, self._header)
        self._header = unit.header
        if not unit.frames:
            return ReadFrame(FrameKind.NO_SLICE, data)
        if not unit.keyframe:
            return ReadFrame(FrameKind.DELTA, data)
        if not unit.header:
            return ReadFrame(FrameKind.NO_SETS, data)
        whole = data if unit.has_header else unit.header + data
        return ReadFrame(FrameKind.KEYFRAME, whole, frame_size("av1", whole))


READERS: Final[Mapping[str, Callable[[], FrameReader]]] = {
    "vp8": _Vp8,
    "h264": lambda: _NalUnits("h264", parameter_sets.H264),
    "h265": lambda: _NalUnits("h265", parameter_sets.H265),
    "vp9": _Vp9,
    "av1": _Av1,
}
"""By codec, as in `EncodedFrame`."""
