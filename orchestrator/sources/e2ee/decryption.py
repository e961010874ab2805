"""Decrypts the frames of one RTP stream, and says when they can't be."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from orchestrator.media import TrackKind
from orchestrator.sources.bitstreams.frame_size import frame_size
from orchestrator.sources.e2ee.frame_layout import BLANKS, parts_of
from orchestrator.sources.e2ee.key_ring import KeyRing, Undecryptable

PATIENCE_S: Final = 1.0
"""Frames that fail so far apart, with none between that can be decrypted, are trouble: a publisher
may change its key."""

LONGEST_PATIENCE_S: Final = 1.6
"""The same while keys are still being derived."""


class FrameDecryption:
    """Frames of one stream, in order.

    After a frame that can't be decrypted video goes on with a keyframe: what needs that frame is
    left out.
    """

    def __init__(self, kind: TrackKind, clock: Callable[[], float] = time.monotonic) -> None:
        self._video = kind is TrackKind.VIDEO
        self._clock = clock
        self._broken = False
        self._failing = False
        """Whether the last frame failed."""
        self._failing_since: float | None = None
        """When the first did, of those since one that could be decrypted."""
        self._failed_at = 0.0
        """When the last did."""
        self._why = Undecryptable("")
        self.undecryptable = 0
        """Frames that came and could not be decrypted, or need one that could not."""

    def open(self, ring: KeyRing, codec: str, parts: tuple[bytes, ...]) -> tuple[bytes, ...] | None:
        """A frame decrypted; None if it has to be left out. `parts`: its layers, of VP9."""
        parts = tuple(filter(None, parts))
        blank = BLANKS.get(codec)
        if blank is not None and parts and parts[-1].endswith(blank):
            self._broken = self._video
            if parts != (blank,):  # it ends a frame of which only a part was sent
                return None
            self._went_on()
            return parts
        try:
            opened = tuple(filter(None, (self._decrypted(ring, codec, part) for part in parts)))
        except Undecryptable as why:
            self._failed(why)
            return None
        if not opened:
            return None
        self._went_on()
        if self._broken and not _is_keyframe(codec, opened):
            self.undecryptable += 1
            return None
        self._broken = False
        return opened

    @property
    def broken(self) -> bool:
        """Whether the next frame that goes on has to be a keyframe."""
        return self._broken

    @property
    def needs_keyframe(self) -> bool:
        """Whether frames can be decrypted again, and only a keyframe can be decoded."""
        return self._broken and not self._failing

    @property
    def failing(self) -> bool:
        """Whether the latest frame that came could not be decrypted."""
        return self._failing

    @property
    def trouble(self) -> str | None:
        """Why none of its frames can be decrypted, as the end of a sentence; None if they can.

        One frame that can't, and nothing after it, says too little.
        """
        if self._failing_since is None:
            return None
        patience_s = LONGEST_PATIENCE_S if self._why.yet else PATIENCE_S
        return self._why.why if self._failed_at - self._failing_since >= patience_s else None

    def _decrypted(self, ring: KeyRing, codec: str, data: bytes) -> bytes:
        parts = parts_of(codec, data)
        if parts is None:
            raise Undecryptable("its frames are not encrypted in the way of LiveKit's clients")
        return ring.decrypt(parts)

    def _failed(self, why: Undecryptable) -> None:
        self.undecryptable += 1
        self._broken, self._failing = self._video, True
        if why.untried:
            return
        self._why, self._failed_at = why, self._clock()
        if self._failing_since is None:
            self._failing_since = self._failed_at

    def _went_on(self) -> None:
        self._failing, self._failing_since = False, None


_IDR: Final = tuple(b"\0\0\1" + bytes([importance << 5 | 5]) for importance in (1, 2, 3))


def _is_keyframe(codec: str, parts: tuple[bytes, ...]) -> bool:
    """Whether decoding may begin with it; H.264's parameter sets may have come before."""
    if codec == "H264":
        return any(start in parts[0] for start in _IDR)
    return frame_size(codec, parts[0], parts) is not None
