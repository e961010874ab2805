"""What is found in one RTP payload."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class KeyframeStart(IntEnum):
    """Whether an RTP packet begins a keyframe."""

    NONE = 0
    SLICE = 1
    """The first slice of a keyframe: decoding can begin here if nothing of the frame is missing
    before it."""
    KEYFRAME = 2
    """A keyframe, with all that is needed to decode it."""


class Unpacked(NamedTuple):
    """A payload's content."""

    data: bytes
    """The codec's bytes; of AV1 the whole payload, which can only be read with its neighbours."""
    begins_keyframe: KeyframeStart = KeyframeStart.NONE
    begins_part: bool = False
    """Whether something begins here that stays apart in the frame: a layer frame of VP9, and each
    payload of AV1."""
