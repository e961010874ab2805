"""What a segment file consists of, as its readers see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Container = Literal["mp4", "webm", "matroska"]
"""mp4: fragmented, also once `hybrid_fragmented` has closed it; the others are read alike."""

LONGEST_HEADER: Final = 4 * 2**20
LONGEST_INDEX: Final = 4 * 2**20
"""Bytes of a file's header, and of what stands before the media in a fragment (`moof`)."""
LONGEST_FRAGMENT: Final = 256 * 2**20
"""Bytes of a fragment."""


BOTH: Final = frozenset({"video", "audio"})


class NotFragmented(ValueError):
    """The file isn't what a segment is: other boxes or elements, or sizes out of bounds."""


class Undecodable(ValueError):
    """libavformat can't read the packets of what was given to it."""


class SegmentReplaced(OSError):
    """Another file has the segment's name, or it is shorter than what was read of it."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """Media of about a second, whole in the file."""

    number: int
    """In its file, from 0."""
    offset: int
    length: int
    """Bytes in the file, from `offset` on, as it was while it was written."""
    begin_s: float
    end_s: float
    """Of its video, else of all of it, in seconds of the file. The end is exact in MP4; in Matroska
    it is the last frame's time and the distance from the one before."""
    independent: bool
    """Begins with a keyframe of the first video track, or no video has come before or in it."""
    frames_s: tuple[float, float] | None = None
    """Times of the first and of the last frame of any track, of Matroska; there `begin_s` to
    `end_s` may be much less where video has few frames."""
    kinds: frozenset[str] = BOTH
    """Whether its file's first video track has frames in it, and any of audio; of MP4 it isn't
    looked up."""
    prefix: bytes = b""
    """What to put before its bytes so that they are a cluster: of one cut out of a longer one."""
    audio: frozenset[int] = frozenset()
    """Numbers of the audio tracks that have frames in it, of Matroska."""
