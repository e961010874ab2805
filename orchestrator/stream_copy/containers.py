"""The containers that copied frames go into, and the codecs that each holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Container:
    """A file format for encoded frames as they come."""

    word: str
    """What clients ask for as `output_format`."""
    extension: str
    """Without a dot."""
    muxer: str
    """FFmpeg's name of it (``-f``)."""
    mime_type: str
    codecs: frozenset[str]
    """As in `EncodedFrame`."""

    @property
    def segment_extension(self) -> str:
        """Of a recording's segments: those of an MP4 are Matroska (packet_muxer)."""
        return "mkv" if self.muxer == "mp4" else self.extension

    def holds(self, codec: str) -> bool:
        """Whether a file of it can have a track of this codec (``vp8``, ``h264``, ``opus``)."""
        return codec in self.codecs


_MATROSKA: Final = frozenset(
    {"vp8", "vp9", "av1", "h264", "h265", "opus", "pcmu", "pcma", "g722"}
    | {"aac", "mp3", "mp2", "ac3", "eac3"}
)
"""What `matroska.CODEC_IDS` has a name for."""
_WEBM: Final = frozenset({"vp8", "vp9", "av1", "opus"})
"""Of what a source gives, what libavformat/matroskaenc.c takes for WebM."""
_MP4: Final = frozenset({"h264", "h265", "av1", "opus", "aac", "mp3", "ac3", "eac3"})
"""What players take in it; libavformat/movenc.c would write VP9, too."""

CONTAINERS: Final[Mapping[str, Container]] = {
    container.word: container
    for container in (
        Container("mkv", "mkv", "matroska", "video/x-matroska", _MATROSKA),
        Container("webm", "webm", "webm", "video/webm", _WEBM),
        Container("mp4", "mp4", "mp4", "video/mp4", _MP4),
    )
}
"""By the word for it; Matroska, which holds everything, is the first and the default."""
