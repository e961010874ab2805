"""Feeds one push's ffmpeg: a thread that writes a recording's packets into its pipe, in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from typing import Any, Final, Literal

import av
import structlog
from av.packet import Packet
from av.stream import Stream

from orchestrator.mixing.decoder import LAYOUT, RATE
from orchestrator.pipes.fifo import Aborted, Fifo, ReaderGone
from orchestrator.pushing.media import PushedMedia
from orchestrator.pushing.padding import filler
from orchestrator.worker.outputs.push.mixing import Mixer
from orchestrator.worker.outputs.push.pacing import Pacing
from orchestrator.worker.outputs.push.piece_packets import OpenPiece
from orchestrator.worker.outputs.push.segment_follower import Piece, SegmentFollower

log = structlog.get_logger(__name__)

_OPEN_TIMEOUT_S: Final = 15.0
_LOOK_S: Final = 0.1
"""Between two looks at whether more was recorded."""

_EARLY_S: Final = 0.1
"""So long before a connection's first frame its audio may begin."""
_PAD_S: Final = 0.1
"""Of silence behind the end: an encoder of AAC holds two frames."""
MOST_HELD_S: Final = 2.0
"""For the other side to give out what it has, within `StopPolicy.outputs_s`."""

End = Literal["recorded", "changed", "gone", "aborted"]


@dataclass(frozen=True, slots=True)
class _Last:
    """What was sent last of a track."""

    dts: int
    step: int
    """From the one before."""
    time_base: Fraction
    data: bytes
    """Of audio that stands behind the end once more."""


class Feed:
    """`run` in a thread. Its figures may be read in any."""

    def __init__(
        self,
        fifo: Fifo,
        follower: SegmentFollower,
        first: Piece,
        *,
        mixes: bool = False,
        holds: bool = False,
        pads: bool = False,
    ) -> None:
        """`mixes`: all audio tracks go into one, as PCM. `holds`: the pipe stays open behind its
        last packet until `let_go`, or `abort`. `pads`: something stands behind the end.
        """
        self._fifo, self._follower, self._first = fifo, follower, first
        self._mixer = Mixer() if mixes else None
        self._pads, self._let_go = pads, threading.Event()
        if not holds:
            self._let_go.set()
        self._pacing = Pacing()
        self._abort = threading.Event()
        self._finish = threading.Event()
        self._hurry = threading.Event()
        """Nothing is waited for any more: either of both."""
        self._muxer: Any = None
        self._outlets: dict[str, Any] = {}
        self._last: dict[str, _Last] = {}
        self._media: PushedMedia | None = None
        self._audio_from_s = 0.0
        self._skips = follower.skips
        self.left: Piece | None = None
        """What has other parameters, and goes into another connection."""
        self.writing_since_s: float | None = None
        """time.monotonic() when it began to write what isn't written yet."""
        self.sent_to_s = 0.0
        """Up to where in the recording it has given packets."""
        self.written_at_s: float | None = None
        """time.monotonic() when all was written; the pipe may be open still."""

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

    @property
    def undecodable(self) -> int:
        """Packets of microphones that are left out of the mix."""
        return 0 if self._mixer is None else self._mixer.undecodable

    def finish(self) -> None:
        """Nothing more is recorded: what is there is written without waiting."""
        self._finish.set()
        self._hurry.set()

    def abort(self) -> None:
        """Ends soon, whatever is there."""
        self._abort.set()
        self._hurry.set()
        self._let_go.set()
        self._fifo.abort()

    def let_go(self) -> None:
        """Closes the pipe, once all is written."""
        self._let_go.set()

    def _pieces(self) -> End:
        piece: Piece | None = self._first
        while not self._abort.is_set():
            if piece is None:
                last = self._finish.is_set()
                if (piece := self._follower.next()) is None:
                    if last:
                        with _passing_over("the end could not be pushed"):
                            self._end()
                        return "recorded"
                    self._abort.wait(_LOOK_S)
                    continue
            with _passing_over("a fragment could not be pushed"):
                opened = OpenPiece(piece)
                # Another connection begins with a keyframe, which alone says that frames changed.
                if piece.independent and not (opened.empty or self._goes_on(opened.media)):
                    self.left = piece
                    self._end()
                    return "changed"
                self._send(piece, opened)
            piece = None
        return "aborted"

    def _goes_on(self, media: PushedMedia) -> bool:
        mixed = self._mixer is not None
        return self._media is None or self._media.goes_on_as(media, mixed=mixed)

    def _send(self, piece: Piece, opened: OpenPiece) -> None:
        if self._media is None:
            self._begin(opened)
            self._audio_from_s = piece.begin_s - _EARLY_S
        if self._follower.skips != self._skips:
            self._skips = self._follower.skips
            self._pacing.jump()
        length_s = piece.end_s - piece.begin_s
        self._pacing.piece_came(
            piece.begin_s, length_s, time.monotonic(), waiting_s=self._follower.ready_s
        )
        found = self._packets(opened)
        for packet in self._mixed(found, self._mixer) if self._mixer else found:
            self._packet(packet)

    def _packets(self, opened: OpenPiece) -> list[Packet[Stream]]:
        """Without audio that a copy has held back since before the first frame."""
        return [
            each
            for each in opened.packets(all_audio=self._mixer is not None)
            if each.stream.type == "video" or _time_s(each) >= self._audio_from_s
        ]

    def _mixed(self, packets: list[Packet[Stream]], mixer: Mixer) -> Iterable[Packet[Stream]]:
        """The video, and what all audio is together up to the piece's latest packet: nothing that
        comes later is earlier.
        """
        found = [each for each in packets if each.pts is not None]
        if not found:
            return found
        mixer.begin(min(map(_time_s, found)))
        for packet in found:
            if packet.stream.type == "audio":
                mixer.add(packet)
        blocks = [self._block(*each) for each in mixer.take(max(map(_time_s, found)))]
        video = [packet for packet in found if packet.stream.type == "video"]
        return merge(video, blocks, key=_time_s)

    def _block(self, at: int, data: bytes) -> Any:
        packet: Any = Packet(data)
        packet.pts = packet.dts = at
        packet.time_base, packet.stream = Fraction(1, RATE), self._outlets["audio"]
        packet.is_keyframe = True
        return packet

    def _end(self) -> None:
        """What the mixer has left, and what is to stand behind the end."""
        if self._muxer is None:
            return
        if self._mixer is not None:
            for each in self._mixer.take(self._mixer.end_s + (_PAD_S if self._pads else 0)):
                self._packet(self._block(*each))
        for kind, last in list(self._last.items()) if self._pads else ():
            if (data := self._padding(kind, last)) is not None:
                made: Any = Packet(data)
                made.pts = made.dts = last.dts + last.step
                made.time_base, made.stream = last.time_base, self._outlets[kind]
                self._packet(made)

    def _padding(self, kind: str, last: _Last) -> bytes | None:
        if kind == "audio":
            return None if self._mixer else last.data
        video = self._media.video if self._media else None
        return filler(video.codec, video.extradata) if video else None

    def _begin(self, opened: OpenPiece) -> None:
        self._media = opened.media
        options = {"fflags": "flush_packets", "write_index": "0"}
        self._muxer = av.open(_Sink(self), "w", format="nut", options=options)
        for stream in (opened.video, None if self._mixer else opened.audio):
            if stream is not None:
                outlet = self._muxer.add_stream_from_template(stream, opaque=True)
                self._outlets[stream.type] = outlet
        if self._mixer is not None:
            self._outlets["audio"] = self._muxer.add_stream("pcm_s16le", rate=RATE, layout=LAYOUT)

    def _packet(self, packet: Packet[Stream]) -> None:
        kind, dts = packet.stream.type, packet.dts
        assert packet.time_base is not None
        assert dts is not None
        before = self._last.get(kind)
        if before is not None and dts <= before.dts:
            return  # where segments meet, audio of the one before stands once more
        kept = bytes(packet) if self._pads and kind == "audio" else b""
        step = 1 if before is None else dts - before.dts
        self._last[kind] = _Last(dts, step, packet.time_base, kept)
        time_s = _time_s(packet)
        wait_s = self._pacing.wait_s(time_s, time.monotonic())
        if wait_s > 0 and self._hurry.wait(wait_s) and self._abort.is_set():
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
                self.written_at_s = time.monotonic()
                self._let_go.wait(MOST_HELD_S)
        self._fifo.close()


@contextmanager
def _passing_over(what: str) -> Iterator[None]:
    """Of what can't be read or muxed only that is left out."""
    try:
        yield
    except (av.FFmpegError, ValueError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise ReaderGone from error
        log.warning(what, error=repr(error))


def _time_s(packet: Packet[Stream]) -> float:
    assert packet.dts is not None
    assert packet.time_base is not None
    return float(packet.dts * packet.time_base)


class _Sink:
    """The pipe as PyAV writes to it: no position to seek to."""

    def __init__(self, feed: Feed) -> None:
        self.write: Callable[[bytes], int] = feed.write
