"""Encodes chunks: one run of ffmpeg each, whose file is looked through before it counts."""

from __future__ import annotations

import asyncio
import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.video.stream import VideoStream

from orchestrator.encoding.process.capabilities import FFmpeg
from orchestrator.encoding.process.disk_full import CAUSES
from orchestrator.encoding.process.ffmpeg import Run
from orchestrator.encoding.process.run_result import RunResult, error_lines
from orchestrator.errors import EncodingFailed, NotEnoughDisk
from orchestrator.mediafiles.media_file import words
from orchestrator.transcoding.chunks.command import (
    ChunkFiles,
    Listed,
    Target,
    VideoInput,
    chunk_command,
    listed_frames,
)
from orchestrator.transcoding.chunks.damage import refuse_damage
from orchestrator.transcoding.chunks.plan import Chunk, Window, window_before
from orchestrator.transcoding.chunks.record import (
    ChunkRecord,
    pairs_of,
    video_path,
    write_record,
)
from orchestrator.transcoding.source import VideoTrack
from orchestrator.transcoding.threads import to_its_end

_POLL_S: Final = 0.25
_COMPLAINTS: Final = ("[error]", "[fatal]", "[panic]", "corrupt")
"""In ffmpeg's lines: what it decoded may be damaged."""

OnFrames = Callable[[int], None]
"""Called a few times a second with how many frames of the chunk are encoded."""


@dataclass(frozen=True, slots=True)
class ChunkEncoder:
    """Encodes the chunks of one file."""

    ffmpeg: FFmpeg
    video: VideoTrack
    video_input: VideoInput
    target: Target
    folder: Path
    times: array[int]
    """Of all frames, as far as packets tell."""

    async def encode(self, chunk: Chunk, on_frames: OnFrames, *, further: int = 0) -> ChunkRecord:
        """Encodes it, and keeps its file and its record in the work folder.

        `further`: how often decoding began too near to the chunk before. Raises SourceDamaged,
        NotEnoughDisk or EncodingFailed, and then leaves nothing of it.
        """
        files = self._files(chunk)
        try:
            result = await self._run(chunk, files, on_frames, further)
            record = await to_its_end(self._looked_through, chunk, files, result)
        finally:
            await to_its_end(_remove_all, files, self._log_path(chunk))
        return record

    def _files(self, chunk: Chunk) -> ChunkFiles:
        part = video_path(self.folder, chunk.number).with_suffix(".part")
        return ChunkFiles(part, part.with_suffix(".times"), part.with_suffix(".compared"))

    def _log_path(self, chunk: Chunk) -> Path:
        return video_path(self.folder, chunk.number).with_suffix(".log")

    def _windows(self, chunk: Chunk) -> list[Window]:
        edges = (window_before(self.times, at) for at in (chunk.start, chunk.end))
        windows = [window for window in edges if window is not None]
        # Its first frame as well: of a run-in that is too short nothing would be listed, and ffmpeg
        # fails when an output stays empty.
        return windows if chunk.start is None else [*windows, (chunk.start, chunk.start + 1)]

    async def _run(
        self, chunk: Chunk, files: ChunkFiles, on_frames: OnFrames, further: int
    ) -> RunResult:
        argv = chunk_command(
            str(self.ffmpeg.path),
            self.video_input,
            self.target,
            chunk,
            files,
            seek=chunk.run_in[further] if further < len(chunk.run_in) else None,
            windows=self._windows(chunk),
        )
        log_path, environment = self._log_path(chunk), self.ffmpeg.environment
        run = Run(argv, log_path, environment=environment, idle=True)
        result = await run_to_end(
            run, lambda: on_frames((run.progress and run.progress.frame) or 0)
        )
        if result.returncode != 0:
            if result.disk_full_cause is None:
                await to_its_end(refuse_damage, self.video_input.source, self.video, chunk)
            raise failed(f"{self.video_input.source} can't be encoded", result)
        return result

    def _looked_through(self, chunk: Chunk, files: ChunkFiles, result: RunResult) -> ChunkRecord:
        """The record of a chunk whose file holds just the frames that were decoded. Blocking."""
        decoded = self._listed(files.times)
        own = [f.pts for f in decoded if chunk.shows(f.pts)]
        compared = self._listed(files.compared) if files.compared.exists() else []
        if complained(result) or (self.times and own != list(self._expected(chunk))):
            refuse_damage(self.video_input.source, self.video, chunk)
        delay = _delay(files.video, len(own), 1 / self.video_input.fps)
        _sync(files.video)
        target = video_path(self.folder, chunk.number)
        files.video.replace(target)
        record = ChunkRecord(
            number=chunk.number,
            times=tuple(own),
            head=pairs_of([f for f in compared if chunk.start is not None and f.pts < chunk.start]),
            tail=pairs_of([f for f in compared if chunk.shows(f.pts)]),
            delay=delay,
            bytes=target.stat().st_size,
        )
        try:
            write_record(self.folder, record)
        except BaseException:  # a chunk without its record is of no use
            target.unlink(missing_ok=True)
            raise
        return record

    def _listed(self, path: Path) -> list[Listed]:
        return list(listed_frames(path.read_text("ascii"), self.video_input.time_base))

    def _expected(self, chunk: Chunk) -> Iterator[int]:
        first = 0 if chunk.start is None else bisect_left(self.times, chunk.start)
        end = len(self.times) if chunk.end is None else bisect_left(self.times, chunk.end)
        return iter(self.times[first:end])


def _delay(path: Path, frames: int, each: Fraction) -> int:
    """Checks that the file has exactly so many frames, evenly, and that both its ends decode.

    How far its frames are out of order, in frames. EncodingFailed if it isn't whole. Blocking.
    """
    try:
        with av.open(str(path)) as container:
            packets = [p for p in container.demux(container.streams.video[0]) if p.size]
            times = [(packet.pts or 0) * packet.time_base for packet in packets]
        if not packets or not packets[0].is_keyframe:
            raise _not_whole("it doesn't begin with a keyframe")
        # Where B-frames are decoded before the first time there is, the muxer moves all of them.
        ranks = [(at - min(times)) / each for at in times]
        if sorted(ranks) != list(range(frames)):
            raise _not_whole(f"{len(ranks)} frames are in it, {frames} were decoded")
        refuse_undecodable(path)
    except av.FFmpegError as error:
        raise _not_whole(words(error)) from error
    return max(place - int(rank) for place, rank in enumerate(ranks))


def refuse_undecodable(path: Path) -> None:
    """Decodes its beginning, and its end from the last keyframe on; av.FFmpegError. Blocking."""
    for seek in (False, True):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert isinstance(stream, VideoStream)
            stream.thread_type = "AUTO"
            if seek and container.duration:
                container.seek(container.duration, backward=True)
            for frame in container.decode(stream):
                if frame.is_corrupt:
                    raise _not_whole("a frame only decodes in part")
                if not seek:
                    break


def _not_whole(problem: str) -> EncodingFailed:
    return EncodingFailed(
        f"What ffmpeg encoded isn't whole: {problem}.", "The source is kept; try another pipeline."
    )


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _remove_all(files: ChunkFiles, log_path: Path) -> None:
    older_log = log_path.with_name(f"{log_path.name}.1")
    for path in (files.video, files.times, files.compared, log_path, older_log):
        path.unlink(missing_ok=True)


async def run_to_end(run: Run, on_poll: Callable[[], None]) -> RunResult:
    """Starts it, and waits until it has ended; it is killed if we are cancelled."""
    starting = asyncio.create_task(run.start())
    try:
        # A start that is cut short could leave a process that nobody knows of.
        await asyncio.shield(starting)
        waiting = asyncio.create_task(run.wait())
        while not (await asyncio.wait([waiting], timeout=_POLL_S))[0]:
            on_poll()
        return waiting.result()
    except OSError as error:
        raise EncodingFailed(
            f"{run.argv[0]} does not start: {error}", "`orchestrator doctor` checks this ffmpeg."
        ) from error
    finally:
        await asyncio.gather(starting, return_exceptions=True)
        if run.alive:
            await asyncio.shield(run.kill())
        elif run.pid is not None:  # it has ended: its log is written to the end
            await asyncio.shield(run.wait())


def complained(result: RunResult) -> bool:
    """Whether ffmpeg found something wrong with what it decoded, or elsewhere."""
    return any(word in line for line in result.stderr for word in _COMPLAINTS)


def failed(what: str, result: RunResult) -> EncodingFailed | NotEnoughDisk:
    """The error of a run that ended early."""
    if result.disk_full_cause is not None:
        return NotEnoughDisk(
            f"{what}: {CAUSES[result.disk_full_cause]}.",
            "Free some space and run it again: it goes on with what is finished.",
        )
    lines = list(error_lines(result.stderr))[-20:]
    return EncodingFailed(f"{what}: {result.reason}.", "The source is kept.", stderr=lines)
