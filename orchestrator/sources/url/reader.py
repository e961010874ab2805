"""The thread that reads what ffmpeg writes, and keeps the frames until they are taken.

Decoding, where it is wanted, happens in this thread: a frame is decoded where it is used, and not
copied through a pipe.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import av
import structlog

from orchestrator.media import SECOND_NS, TrackKind
from orchestrator.sources.received_media import MediaFrame
from orchestrator.sources.source import NO_KEYFRAME_S
from orchestrator.sources.url.decoding import DecodedTrack
from orchestrator.sources.url.packets import EncodedTrack, TrackFormat, word_of
from orchestrator.sources.url.sender_time import SenderTime

log = structlog.get_logger(__name__)

MOST_BYTES: Final = 128 * 2**20
"""Decoded frames that wait to be taken; then the reader waits, ffmpeg behind it, and the sender."""

MOST_ENCODED_BYTES: Final = 16 * 2**20
"""The same of encoded ones; so many are held at most until the present is known."""

WAKE_BYTES: Final = MOST_BYTES // 8

KEPT_NS: Final = 3 * SECOND_NS // 2
"""Of what a server has kept for us, a decoding source gives no more than this: an encoder would
have to work through it before it comes to the present."""

_OPTIONS: Final = {"fpsprobesize": "0", "analyzeduration": "0", "probesize": "100000"}


@dataclass(frozen=True, slots=True)
class Received:
    """A frame of a stream, and its local time."""

    kind: TrackKind
    time_ns: int
    frame: MediaFrame


@dataclass(slots=True)
class ReaderStatistics:
    """Counts so far."""

    packets: int = 0
    frames: int = 0
    undecodable: int = 0


@dataclass(slots=True)
class _Track:
    stream: Any
    format: TrackFormat
    encoded: EncodedTrack
    decoder: DecodedTrack | None
    base_ns: float
    waits_since_ns: int = field(default_factory=time.monotonic_ns)


class UrlReader:
    """Reads NUT from a descriptor, which it closes. All but `take` is set by its thread.

    `wake` is called in the thread when there is something to look at.
    """

    def __init__(
        self, descriptor: int, wake: Callable[[], None], *, encoded: bool, max_pixels: int
    ) -> None:
        self._descriptor, self._wake = descriptor, wake
        self._encoded, self._max_pixels = encoded, max_pixels
        self.formats: tuple[TrackFormat, ...] | None = None
        """What there is; None until it is known."""
        self.too_large: tuple[int, int] | None = None
        """The video's size if it is larger than is decoded; no frame of it comes."""
        self.no_keyframe = False
        """Frames of video have come for `NO_KEYFRAME_S`, and no keyframe."""
        self.ran_back = False
        """It has ended, as the sender's clock ran back."""
        self.ended = False
        self.moved_at_s = time.monotonic()
        """When a packet came last."""
        self.statistics = ReaderStatistics()
        self._sender = SenderTime()
        self._held: list[tuple[_Track, Any, int]] = []
        """Packets that came before it was known which time is now, and their sender's time."""
        self._held_bytes = 0
        self._releasing = False
        """What was held is given all at once: audio that came after others would be late."""
        self._not_before_ns = -(1 << 62)
        self._received: list[Received] = []
        self._bytes = 0
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="url-reader", daemon=True)

    def start(self) -> None:
        """Begins to read."""
        self._thread.start()

    def take(self) -> list[Received]:
        """What has come since the last time, in order."""
        with self._changed:
            if self._releasing:
                return []
            taken, self._received, self._bytes = self._received, [], 0
            self._changed.notify()
        return taken

    def stop(self) -> None:
        """Nobody takes anything any more: what waits is dropped, and the thread ends."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def join(self, timeout_s: float) -> bool:
        """Waits for the thread; False when it still runs."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # -- in the thread

    def _run(self) -> None:
        try:
            self._read_all()
        except av.FFmpegError as error:
            log.debug("reading ended", error=str(error))  # ffmpeg's own words say why
        except Exception:
            log.exception("reading failed")
        finally:
            os.close(self._descriptor)
            self.ended = True
            self._wake()

    def _read_all(self) -> None:
        url = f"pipe:{self._descriptor}"
        with av.open(url, format="nut", options=dict(_OPTIONS)) as container:
            tracks = {each.index: self._track(each) for each in container.streams}
            self.formats = tuple(track.format for track in tracks.values())
            self._wake()
            for packet in container.demux():
                if self._stopped or self.ran_back:
                    return
                if packet.size and packet.pts is not None and not packet.is_corrupt:
                    self._take_in(tracks[packet.stream_index], packet)
            self._sender.settle()
            self._release()
            for track in tracks.values():
                if track.decoder is not None:
                    self._give_decoded(track, track.decoder.flush())

    def _track(self, stream: Any) -> _Track:
        known = format_of(stream)
        if known.width * known.height > self._max_pixels:
            self.too_large = (known.width, known.height)
        decoder = None if self._encoded else DecodedTrack(stream, self._max_pixels)
        base_ns = float(stream.time_base * SECOND_NS)
        return _Track(stream, known, EncodedTrack(known), decoder, base_ns)

    def _take_in(self, track: _Track, packet: Any) -> None:
        arrival_ns = time.monotonic_ns()
        self.moved_at_s = arrival_ns / SECOND_NS
        self.statistics.packets += 1
        media_ns = round(packet.pts * track.base_ns)
        settled = self._sender.settled
        self._sender.arrive(track.stream.index, media_ns, arrival_ns)
        if self._sender.ran_back:
            self.ran_back = True
        elif self._sender.settled:
            if not settled:
                self._settled(arrival_ns)
            self._pass_on(track, packet, media_ns)
        else:
            self._held.append((track, packet, media_ns))
            self._held_bytes += packet.size
            if self._held_bytes > MOST_ENCODED_BYTES:
                self._sender.settle()
                self._settled(arrival_ns)

    def _settled(self, now_ns: int) -> None:
        if not self._encoded:
            self._not_before_ns = now_ns - KEPT_NS
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        self._releasing = True
        for each in held:
            self._pass_on(*each)
        self._releasing = False
        self._wake()

    def _pass_on(self, track: _Track, packet: Any, media_ns: int) -> None:
        keyframe = bool(packet.is_keyframe)
        if track.format.kind is TrackKind.VIDEO and self.too_large:
            return
        if not track.encoded.takes(media_ns, keyframe=keyframe):
            self._look_for_keyframe(track)
            return
        time_ns = self._sender.time_ns(track.stream.index, media_ns)
        if track.decoder is not None:
            self._give_decoded(track, track.decoder.decode(packet, time_ns))
            return
        duration_ns = round((packet.duration or 0) * track.base_ns)
        frame = track.encoded.frame(bytes(packet), keyframe=keyframe, duration_ns=duration_ns)
        if frame is None:
            self.statistics.undecodable += 1
        else:
            self._give(Received(track.format.kind, time_ns, frame), len(frame.data))

    def _look_for_keyframe(self, track: _Track) -> None:
        self.statistics.undecodable += 1
        waited_ns = time.monotonic_ns() - track.waits_since_ns
        if track.encoded.waits_for_keyframe and waited_ns > NO_KEYFRAME_S * SECOND_NS:
            self.no_keyframe = True

    def _give_decoded(self, track: _Track, frames: list[tuple[int, Any]]) -> None:
        for time_ns, frame in frames:
            if time_ns >= self._not_before_ns:
                size = sum(plane.buffer_size for plane in frame.planes)
                self._give(Received(track.format.kind, time_ns, frame), size)

    def _give(self, received: Received, size_bytes: int) -> None:
        most = MOST_ENCODED_BYTES if self._encoded else MOST_BYTES
        with self._changed:
            while self._bytes > most and not (self._stopped or self._releasing):
                self._changed.wait()
            if self._stopped:
                return
            before, self._bytes = self._bytes, self._bytes + size_bytes
            self._received.append(received)
        self.statistics.frames += 1
        if before <= WAKE_BYTES < self._bytes and not self._releasing:
            self._wake()


def format_of(stream: Any) -> TrackFormat:
    """A stream's format, as its header has it."""
    context = stream.codec_context
    name = context.codec.canonical_name
    extradata = bytes(context.extradata or b"")
    if stream.type == "video":
        word = word_of(name, rate=0, channels=0)
        return TrackFormat(TrackKind.VIDEO, word, extradata, context.width, context.height)
    rate, channels = context.sample_rate or 0, context.channels or 0
    word = word_of(name, rate=rate, channels=channels)
    return TrackFormat(TrackKind.AUDIO, word, extradata, rate=rate, channels=channels)
