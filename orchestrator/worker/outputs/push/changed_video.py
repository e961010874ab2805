"""A copy's video that is another than its file's header says.

Copied frames of all sizes, and of all publishers, are in one track: a keyframe says its own size,
of H.264 and H.265 with parameter sets before its slices. Many receivers know only a header's.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import av

from orchestrator.media import EncodedFrame, TrackKind
from orchestrator.sources.bitstreams.frame_size import frame_size
from orchestrator.stream_copy.codec_private import NO_BLOCKS, entry_of
from orchestrator.stream_copy.matroska import header
from orchestrator.stream_copy.track import Track

_NAMES: Final = {"h264": "h264", "hevc": "h265", "vp8": "vp8", "vp9": "vp9", "av1": "av1"}
"""By libavformat's names."""
_SPS: Final[Mapping[str, Callable[[int], bool]]] = {
    "h264": lambda head: head & 31 == 7,
    "h265": lambda head: head >> 1 & 63 == 33,
}
"""Whether the unit with this first byte is a sequence parameter set (ITU-T H.264, H.265 §7.4)."""


@dataclass(frozen=True, slots=True)
class ChangedVideo:
    """What a keyframe says that the header doesn't."""

    stream: Any
    """Of libavformat, for a muxer that is to take these frames."""
    width: int
    height: int


def changed_video(stream: Any, keyframe: bytes) -> ChangedVideo | None:
    """None where the header is right, or nothing can be said. ValueError, av.FFmpegError."""
    context = stream.codec_context
    codec = _NAMES.get(context.name if context.codec is None else context.codec.canonical_name)
    if codec is None:
        return None
    if codec in _SPS:
        return _of_sets(codec, context.extradata or b"", keyframe)
    size = frame_size(codec, keyframe)
    # These are encoded for every push, and their decoders need no header.
    changed = size is not None and size != (context.width, context.height)
    return ChangedVideo(stream, *size) if size is not None and changed else None


def _of_sets(codec: str, extradata: bytes, keyframe: bytes) -> ChangedVideo | None:
    units = list(_units(keyframe))
    sets = [unit for unit in units if unit and _SPS[codec](unit[0])]
    if all(each in extradata for each in sets):
        return None
    data = b"".join(b"\0\0\0\1" + unit for unit in units)
    if (size := frame_size(codec, data)) is None:
        return None
    return ChangedVideo(_stream(EncodedFrame(codec, data, True, 0, *size)), *size)


def _stream(keyframe: EncodedFrame) -> Any:
    entry = entry_of(Track("", TrackKind.VIDEO, keyframe.codec), 1, keyframe, default=True)
    made = io.BytesIO(header("matroska", [entry], {}).data + NO_BLOCKS)
    return av.open(made, format="matroska").streams.video[0]


def _units(data: bytes) -> Iterator[bytes]:
    """Each has its length in four bytes before it (stream_copy.bitstreams.stored)."""
    at = 0
    while at + 4 < len(data):
        length = int.from_bytes(data[at : at + 4])
        yield data[at + 4 : at + 4 + length]
        at += 4 + length
