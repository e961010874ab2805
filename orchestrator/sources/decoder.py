"""Decodes what a receiver has put together, and keeps the frames until they are taken.

aiortc gives each frame to the event loop by itself: a coroutine, a task, a future and two wake-ups
for each of the eighty a second of one stream. Nobody waits for a recorder, so here frames are
taken together, a few times a second.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Final

import av
import structlog
from aiortc.codecs import get_decoder

from orchestrator.media import TrackKind

log = structlog.get_logger(__name__)

Frame = av.AudioFrame | av.VideoFrame

MOST_ENCODED: Final = 120
"""Encoded frames waiting to be decoded: four seconds of video; then new ones are skipped."""

MOST_DECODED: Final = {TrackKind.VIDEO: 16, TrackKind.AUDIO: 128}
"""Frames waiting to be taken; then the decoder waits. Pictures are large, and Opus has frames of
2.5 ms (RFC 6716 §2.1.4)."""


class Decoder:
    """Stands in for a receiver's queue of encoded frames, and for what aiortc's thread does.

    That thread asks for its first encoded frame and gets none, ever: it decodes in `get` until
    `put(None)`, with which aiortc ends it.
    """

    def __init__(self, kind: TrackKind, behind: threading.Event) -> None:
        self._most_decoded = MOST_DECODED[kind]
        self._behind = behind
        """aiortc asks the sender for a key frame when this is set."""
        self._changed = threading.Condition()
        self._encoded: deque[tuple[Any, Any]] = deque()
        self._decoded: deque[Frame] = deque()
        self._decoding = False
        self._ended = False
        self._codec: tuple[str, Any] = ("", None)
        self.skipped = 0
        """Encoded frames that there was no room for."""

    def put(self, item: tuple[Any, Any] | None) -> None:
        """Takes codec and encoded frame; None is the end."""
        with self._changed:
            if item is None:  # nobody waits for what is still to decode
                self._ended = True
                self._encoded.clear()
            elif self._ended or not item[1].data:
                return  # an empty one is an SFU's probe, which decoders take for the end
            elif len(self._encoded) >= MOST_ENCODED:
                self.skipped += 1
                self._behind.set()
                return
            else:
                self._encoded.append(item)
            self._changed.notify()

    def get(self) -> None:
        """aiortc's thread: decodes until the end."""
        while (item := self._next()) is not None:
            self._decode(*item)

    def take(self) -> list[Frame]:
        """The frames that were decoded since the last time, in order."""
        with self._changed:
            frames = list(self._decoded)
            self._decoded.clear()
            self._changed.notify()
        return frames

    @property
    def idle(self) -> bool:
        """Whether all that came was decoded and taken."""
        with self._changed:
            return not (self._encoded or self._decoding or self._decoded)

    def _next(self) -> tuple[Any, Any] | None:
        with self._changed:
            self._decoding = False
            self._changed.wait_for(self._may_go_on)
            self._decoding = not self._ended
            return None if self._ended else self._encoded.popleft()

    def _may_go_on(self) -> bool:
        return self._ended or (bool(self._encoded) and len(self._decoded) < self._most_decoded)

    def _decode(self, codec: Any, encoded: Any) -> None:
        if codec.name != self._codec[0]:
            self._codec = (codec.name, decoder_for(codec))
        try:
            frames = self._codec[1].decode(encoded)
        except av.FFmpegError as error:
            # The decoder goes on with what it has, which is more than a new one would have.
            log.warning("a frame could not be decoded", codec=codec.name, error=str(error))
            self._behind.set()
            return
        with self._changed:
            self._decoded.extend(frames)


def decoder_for(codec: Any) -> Any:
    """aiortc's decoder for an RTP codec, on one thread: no stream needs more, and each waits."""
    decoder: Any = get_decoder(codec)
    if codec.name.upper() == "VP8":
        # FFmpeg's own gives pictures as it made them; its wrapper of libvpx copies each of them.
        decoder.codec = av.CodecContext.create("vp8", "r")
    if isinstance(getattr(decoder, "codec", None), av.VideoCodecContext):
        decoder.codec.thread_count = 1
    return decoder
