"""Feeds one push's ffmpeg: a thread that writes a recording's packets into its pipe, in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Literal

import av
import structlog
from av.packet import Packet
from av.stream import Stream

from orchestrator.pipes.fifo import Aborted, Fifo, ReaderGone
from orchestrator.pushing.media import PushedMedia
from orchestrator.worker.outputs.push.pacing import Pacing
from orchestrator.worker.outputs.push.piece_packets import OpenPiece
from orchestrator.worker.outputs.push.segment_follower import Piece, SegmentFollower

log = structlog.get_logger(__name__)

_OPEN_TIMEOUT_S: Final = 15.0
_LOOK_S: Final = 0.1
"""Between two looks at whether more was recorded."""

End = Literal["recorded", "changed", "gone", "aborted"]


class Feed:
    """`run` in a thread. Its figures may be read in any."""

    def __init__(self, fifo: Fifo, follower: SegmentFollower, first: Piece) -> None:
        self._fifo, self._follower, self._first = fifo, follower, first
        self._pacing = Pacing()
        self._abort = threading.Event()
        self._finish = threading.Event()
        self._muxer: Any = None
        self._outlets: dict[str, Any] = {}
        self._last: dict[str, int] = {}
        self._media: PushedMedia | None = None
        self._skips = follower.skips
        self.left: Piece | None = None
        """What has other parameters, and goes into another connection."""
        self.writing_since_s: float | None = None
        """time.monotonic() when it began to write what isn't written yet."""
        self.sent_to_s = 0.0
        """Up to where in the recording it has given packets."""

    def run(self) -> End:
        """Until all is written, another connection is needed, ffmpeg is gone, or `abort`."""
        try:
            self._fifo.open(_OPEN_TIMEOUT_S)
            return self._pieces()
        except ReaderGone:
            return "gone"
        except Aborted:
            return "aborted"
        finally:
            self._close()

    def finish(self) -> None:
        """Nothing more is recorded: what is there is written without waiting."""
        self._finish.set()

    def abort(self) -> None:
        """Ends soon, whatever is there."""
        self._abort.set()
        self._fifo.abort()

    def _pieces(self) -> End:
        piece: Piece | None = self._first
        while not self._abort.is_set():
            if piece is None:
                last = self._finish.is_set()
                if (piece := self._follower.next()) is None:
                    if last:
                        return "recorded"
                    self._abort.wait(_LOOK_S)
                    continue
            try:
                opened = OpenPiece(piece)
                if self._media not in (None, opened.media) and not opened.empty:
                    self.left = piece
                    return "changed"
                self._send(piece, opened)
            except (av.FFmpegError, ValueError, OSError) as error:
                if isinstance(error, BrokenPipeError):
                    raise ReaderGone from error
                log.warning("a fragment could not be pushed", error=repr(error))
            piece = None
        return "aborted"

    def _send(self, piece: Piece, opened: OpenPiece) -> None:
        if self._media is None:
            self._begin(opened)
        if self._follower.skips != self._skips:
            self._skips = self._follower.skips
            self._pacing.jump()
        length_s = piece.end_s - piece.begin_s
        self._pacing.piece_came(
            piece.begin_s, length_s, time.monotonic(), waiting_s=self._follower.ready_s
        )
        for packet in opened.packets():
            self._packet(packet)

    def _begin(self, opened: OpenPiece) -> None:
        self._media = opened.media
        options = {"fflags": "flush_packets", "write_index": "0"}
        self._muxer = av.open(_Sink(self), "w", format="nut", options=options)
        for stream in (opened.video, opened.audio):
            if stream is not None:
                outlet = self._muxer.add_stream_from_template(stream, opaque=True)
                self._outlets[stream.type] = outlet

    def _packet(self, packet: Packet[Stream]) -> None:
        kind, dts = packet.stream.type, packet.dts
        assert packet.time_base is not None
        assert dts is not None
        if dts <= self._last.get(kind, dts - 1):
            return  # where segments meet, audio of the one before stands once more
        self._last[kind] = dts
        time_s = float(dts * packet.time_base)
        if not self._finish.is_set():
            wait_s = self._pacing.wait_s(time_s, time.monotonic())
            if wait_s > 0 and self._abort.wait(wait_s):
                raise Aborted
        packet.stream = self._outlets[kind]
        self._muxer.mux_one(packet)
        self.sent_to_s = time_s

    def write(self, data: bytes) -> int:
        """For the muxer."""
        self.writing_since_s = time.monotonic()
        self._fifo.write(data)
        self.writing_since_s = None
        return len(data)

    def _close(self) -> None:
        if self._muxer is not None:
            with suppress(av.FFmpegError, OSError, Aborted, ReaderGone):
                self._muxer.close()
        self._fifo.close()


class _Sink:
    """The pipe as PyAV writes to it: no position to seek to."""

    def __init__(self, feed: Feed) -> None:
        self.write: Callable[[bytes], int] = feed.write
