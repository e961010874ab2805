"""Segments of one recording that is copied: a writer and a file for each run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from orchestrator.encoding.process.prepared_run import PreparedRun
from orchestrator.encoding.process.run_result import RunResult
from orchestrator.media import SECOND_NS, TrackKind
from orchestrator.pipes.writer_statistics import WriterStatistics
from orchestrator.stop_policy import STOP
from orchestrator.stream_copy.packet_file import KnownTracks, OpenedFile
from orchestrator.stream_copy.packet_muxer import SEGMENT_CONTAINERS, PacketMuxer
from orchestrator.stream_copy.packet_queue import PacketQueue
from orchestrator.stream_copy.packet_timeline import ORDER_NS
from orchestrator.stream_copy.packet_writer import (
    CUT_WAIT_S,
    PacketWriter,
    PacketWriterStatistics,
)
from orchestrator.stream_copy.track import Packet, Track
from orchestrator.worker.segments.listed_segments import ListedSegments
from orchestrator.worker.segments.open_segment import OpenSegment
from orchestrator.worker.segments.segment_positions import SegmentPosition, write_position
from orchestrator.worker.segments.writer_run import WriterRun

CUT_TIMEOUT_S: Final = CUT_WAIT_S + 1.0
"""How long a writer may take to end its file where the next one begins."""


@dataclass(slots=True, kw_only=True)
class CopiedSegments(ListedSegments):
    """Prepares one segment after the other for the supervisor."""

    queue: PacketQueue
    tracks: Callable[[], KnownTracks]
    """Those that a new file is to have."""
    may_add: Callable[[Track, frozenset[Track]], bool]
    """Whether one more track may be in a file that has these; called in a thread."""
    ask_for_keyframes: Callable[[], None]
    """Called in a thread: a file begins, or is to end, with keyframes."""
    writer: PacketWriter | None = None
    """Of the segment that was begun last."""
    _goes_on_in: int | None = field(default=None)
    """Part in which the next segment goes on right behind a cut, with all frames there were."""

    async def begin(self, number: int) -> PreparedRun:
        """The supervisor's `begin`: writer, file and catalog row of the next segment."""
        number += self.numbers_taken
        work = Path(self.recording.work_directory)
        output = work / f"{number:04d}{self.encoding.pipeline.segment_suffix}"
        run = WriterRun(partial(self._new_writer, output))
        writer = run.writer
        segment = OpenSegment(
            self.recording.id, number, self.part, output, 0, lambda: _written(writer.statistics())
        )
        self.writer = writer
        self._list(segment)
        await self._save()
        return PreparedRun(
            run,
            end_input=writer.finish,
            ended=lambda ending: self._run_ended(segment, writer, ending),
            waiting=lambda: not self.queue.empty,
            cut=lambda: self._cut(writer, segment.part),
        )

    def _new_writer(self, output: Path, run: WriterRun) -> PacketWriter:
        part, goes_on = self.part, self._goes_on_in == self.part
        self._goes_on_in = None
        if not goes_on:
            self.ask_for_keyframes()

        def first() -> None:
            self._first()
            run.first_written()

        return PacketWriter(
            output.stem,
            self.queue,
            lambda packet: self._open_file(output, packet, part, goes_on=goes_on),
            may_add=self.may_add,
            needs_keyframe=not goes_on,
            on_first=first,
            on_keyframe=self.preview.take_keyframe,
            on_end=run.writer_ended,
        )

    def _open_file(self, output: Path, packet: Packet, part: int, *, goes_on: bool) -> OpenedFile:
        """Called in the writer's thread. Blocking."""
        # Packets that come late may stand before the first.
        zero_ns = max(packet.time_ns - ORDER_NS, 0) if goes_on else packet.time_ns
        write_position(output, SegmentPosition(zero_ns / SECOND_NS, part))
        tracks = self._tracks_with(packet)
        container = SEGMENT_CONTAINERS[self.encoding.pipeline.container]
        muxer = PacketMuxer(output, container, tracks, zero_ns=zero_ns, tags=self.encoding.tags)
        return OpenedFile(muxer, zero_ns)

    def _tracks_with(self, packet: Packet) -> KnownTracks:
        """Those that are known and may be in one file with the packet's; videos first."""
        known = {**self.tracks()}
        known.setdefault(packet.track, packet.frame)
        together = frozenset({packet.track})
        for track in known:
            if track in together or self.may_add(track, together):
                together |= {track}
        fitting = [track for track in known if track in together]
        fitting.sort(key=lambda each: each.kind is TrackKind.AUDIO)
        return {track: known[track] for track in fitting}

    def _cut(self, writer: PacketWriter, part: int) -> bool:
        """Called in a thread."""
        at_keyframe = self.part != part
        if at_keyframe:
            self.ask_for_keyframes()
        writer.cut(at_keyframe=at_keyframe)
        ended = writer.join(CUT_TIMEOUT_S)
        if ended and writer.problem is None and not at_keyframe:
            self._goes_on_in = part
        return ended

    async def _run_ended(
        self, segment: OpenSegment, writer: PacketWriter, ending: RunResult
    ) -> None:
        writer.abort()
        await asyncio.to_thread(writer.join, STOP.writer_s)
        await self._end(segment, ending)


def _written(written: PacketWriterStatistics) -> WriterStatistics:
    ends_s = written.ends_ns / SECOND_NS
    return WriterStatistics(
        video_frames=written.video_frames,
        video_filled=0,
        audio_samples=written.audio_ns * 48_000 // SECOND_NS,
        end_s=ends_s,
        written_bytes=written.written_bytes,
        begins_s=written.begins_ns / SECOND_NS,
        video_dropped=written.undecodable,
        refused=written.refused,
        reaches_s=ends_s,
    )
