"""One thread that takes packets from the queue and writes them into one file.

A writer serves one segment; the next one goes on with the same queue. The file is made when its
first packet comes, with all tracks that are known by then; one that comes later is added. Where
the file may not have it, or has no room, its first packet ends the file: the writer waits to be
cut there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import av
import structlog

from orchestrator.logs import Repeated
from orchestrator.media import SECOND_NS, EncodedFrame, TrackKind
from orchestrator.stream_copy.left_out import LeftOutTracks
from orchestrator.stream_copy.packet_cut import PacketCut
from orchestrator.stream_copy.packet_file import OpenedFile
from orchestrator.stream_copy.packet_queue import PacketQueue
from orchestrator.stream_copy.track import Packet, Track

log = structlog.get_logger(__name__)

_QUEUE_WAIT_S: Final = 0.2

CUT_WAIT_S: Final = 4.5
"""How long a cut waits for keyframes; then it is made without, and frames up to them are lost."""

_ACTIVE_NS: Final = 3 * SECOND_NS
"""A video of which nothing came for so long isn't waited for."""


@dataclass(frozen=True, slots=True)
class PacketWriterStatistics:
    """What one segment's file took."""

    begins_ns: int = 0
    ends_ns: int = 0
    """Where what reaches furthest ends; 0 before the first packet."""
    video_frames: int = 0
    audio_ns: int = 0
    written_bytes: int = 0
    undecodable: int = 0
    """Frames left out as they need one that is not in the file."""
    late: int = 0
    """Packets left out as they stand before the file's beginning."""
    refused: int = 0
    """Packets that could not be written."""


class PacketWriter:
    """Writes one segment. Start it, then `finish`, `cut` or `abort` it, then `join` it.

    `open_file` makes the file when the first packet comes; `may_add` says whether it may have one
    more track. With `needs_keyframe` no frame of a video is written before one of its keyframes.
    `on_keyframe` is given those of the first video of which frames come.
    All callbacks are called in the writer's thread.
    """

    def __init__(
        self,
        name: str,
        queue: PacketQueue,
        open_file: Callable[[Packet], OpenedFile],
        *,
        may_add: Callable[[Track, frozenset[Track]], bool],
        needs_keyframe: bool,
        on_first: Callable[[], None],
        on_keyframe: Callable[[EncodedFrame], None],
        on_end: Callable[[], None],
    ) -> None:
        self._queue, self._open_file = queue, open_file
        self._on_first, self._on_keyframe, self._on_end = on_first, on_keyframe, on_end
        self._may_add, self._needs_keyframe = may_add, needs_keyframe
        self.problem: Exception | None = None
        """Why it ended early."""
        self.opened: OpenedFile | None = None
        self.moved_at_s = time.monotonic()
        """When it wrote or waited last, on the monotonic clock."""
        self.blocked_by: Track | None = None
        """That of the next packet, if the file doesn't have it."""
        self.left_out = LeftOutTracks()
        self._begun: dict[Track, int] = {}
        """Videos that have a keyframe in this file, and where their newest frame stands."""
        self._ends: dict[Track, int] = {}
        self._video_frames = self._audio_ns = 0
        self._undecodable = self._late = self._refused = 0
        self._log_refused = Repeated(log.error)
        self._finish, self._abort = threading.Event(), threading.Event()
        self._cut_wanted = threading.Event()
        self._at_keyframe = False
        self._thread = threading.Thread(target=self._run, name=f"writer-{name}", daemon=True)

    def start(self) -> None:
        """Begins to take packets."""
        self._thread.start()

    def finish(self) -> None:
        """Writes what is in the queue, then ends the file."""
        self._finish.set()

    def cut(self, *, at_keyframe: bool) -> None:
        """Ends the file and leaves the rest to the next writer.

        `at_keyframe`: where the videos have their next keyframes, else at once.
        """
        self._at_keyframe = at_keyframe
        self._cut_wanted.set()

    def abort(self) -> None:
        """Ends the file at once, whatever waits."""
        self._abort.set()

    def join(self, timeout_s: float | None = None) -> bool:
        """Waits for the thread; False when it still runs."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def statistics(self) -> PacketWriterStatistics:
        """Counts so far."""
        opened = self.opened
        return PacketWriterStatistics(
            begins_ns=opened.zero_ns if opened else 0,
            ends_ns=max(list(self._ends.values()), default=0),
            video_frames=self._video_frames,
            audio_ns=self._audio_ns,
            written_bytes=opened.file.written_bytes if opened else 0,
            undecodable=self._undecodable,
            late=self._late,
            refused=self._refused,
        )

    def _run(self) -> None:
        try:
            self._write_all()
        except Exception as error:  # noqa: BLE001  the thread's boundary
            self._failed(error)
        try:
            if self.opened is not None:
                self.opened.file.close()
        except Exception as error:  # noqa: BLE001  the thread's boundary
            self._failed(error)
        self._on_end()

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, (OSError, av.FFmpegError)):
            log.error("the file's writer failed", exc_info=error)
        self.problem = self.problem or error

    def _write_all(self) -> None:
        while not self._abort.is_set():
            self.moved_at_s = time.monotonic()
            if self._finish.is_set() and self._queue.empty:
                return
            if self._cut_wanted.is_set():
                self._write_until_cut()
                return
            packet = self._queue.get(_QUEUE_WAIT_S)
            if packet is None:
                if self._queue.drained:
                    return
            elif self._cut_wanted.is_set():
                self._queue.put_back(packet)
            elif self._belongs(packet):
                self._write(packet)
            else:
                self._queue.put_back(packet)
                cut = self._wait_for_cut(packet.track)
                self._write_earlier(packet)
                if not cut:
                    return

    def _belongs(self, packet: Packet) -> bool:
        """Whether the file has its track, now at the latest, or no file can have it."""
        if self.opened is None or packet.track in self.opened.file.tracks:
            return True
        file, track = self.opened.file, packet.track
        if not self._may_add(track, file.tracks):
            return False
        try:
            file.add_track(track, packet.frame)
        except OSError:
            self._queue.put_back(packet)
            raise
        except ValueError as why:
            self.left_out.add(packet, why)
        else:
            self.left_out.remove(track)
        return True

    def _wait_for_cut(self, track: Track) -> bool:
        """Whether a cut is wanted, else the recording ends: a last file takes the rest."""
        self.blocked_by = track
        while not (self._abort.is_set() or self._finish.is_set()):
            if self._cut_wanted.wait(_QUEUE_WAIT_S):
                return True
        return False

    def _write_earlier(self, than: Packet) -> None:
        """Audio that waited for its place may come behind the packet that ends the file."""
        later: list[Packet] = []
        try:
            while (packet := self._queue.get(0)) is not None:
                if packet.time_ns < than.time_ns and self._belongs(packet):
                    self._write(packet)
                else:
                    later.append(packet)
        finally:
            for packet in reversed(later):
                self._queue.put_back(packet)

    def _write_until_cut(self) -> None:
        """Up to the keyframes; what is later goes back, in its order."""
        waits = self._at_keyframe and self.blocked_by is None
        cut = PacketCut(self._active_videos() if waits else ())
        deadline_s = time.monotonic() + CUT_WAIT_S
        later: list[Packet] = []
        try:
            while not (cut.passed or self._queue.drained or self._abort.is_set()):
                if time.monotonic() > deadline_s:
                    return
                if (packet := self._queue.get(_QUEUE_WAIT_S)) is None:
                    continue
                belongs = self._belongs(packet)
                if belongs and cut.is_before(packet):
                    self._write(packet)
                    continue
                later.append(packet)
                if not belongs:
                    return
        finally:
            for packet in reversed(later):
                self._queue.put_back(packet)

    def _active_videos(self) -> list[Track]:
        newest_ns = max(list(self._ends.values()), default=0)
        return [track for track, at_ns in self._begun.items() if newest_ns - at_ns < _ACTIVE_NS]

    def _write(self, packet: Packet) -> None:
        if not self._is_decodable(packet):
            self._undecodable += 1
            return
        try:
            opened = self.opened or self._open(packet)
            if packet.time_ns < opened.zero_ns:
                self._late += 1
                return
            opened.file.write(packet)
        except OSError:
            self._queue.put_back(packet)
            raise
        except (av.FFmpegError, ValueError) as error:
            self._refused += 1
            self._log_refused("a packet could not be written; left out", error=repr(error))
            return
        self._count(packet)

    def _open(self, packet: Packet) -> OpenedFile:
        try:
            self.opened = self._open_file(packet)
        except ValueError as why:
            self.left_out.add(packet, why)
            raise
        self.left_out.remove(packet.track)
        return self.opened

    def _is_decodable(self, packet: Packet) -> bool:
        """Whether what it needs is in the file, or in the one before it."""
        if packet.track.kind is TrackKind.AUDIO or packet.frame.keyframe:
            return True
        return not self._needs_keyframe or packet.track in self._begun

    def _count(self, packet: Packet) -> None:
        first = not self._ends
        end_ns = packet.time_ns + packet.frame.duration_ns
        self._ends[packet.track] = max(end_ns, self._ends.get(packet.track, 0))
        if packet.track.kind is TrackKind.VIDEO:
            self._video_frames += 1
            self._begun[packet.track] = packet.time_ns
            # None is active where this one comes late behind others.
            first_video = next(iter(self._active_videos()), packet.track)
            if packet.frame.keyframe and packet.track == first_video:
                self._on_keyframe(packet.frame)
        else:
            self._audio_ns += packet.frame.duration_ns
        if first:
            self._on_first()
