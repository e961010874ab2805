"""Encodes one file again: the steps from the request to the file with its name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from orchestrator.encoding.pipeline.job import MIXED_SIZES
from orchestrator.errors import InvalidRequest
from orchestrator.mediafiles.headroom import not_enough_disk
from orchestrator.mediafiles.paths import publish
from orchestrator.recordings.start_request import QUALITIES
from orchestrator.settings import Settings
from orchestrator.transcoding.audio import AudioPlan, plan_audio
from orchestrator.transcoding.audio_encoding import encode_audio
from orchestrator.transcoding.chunks.all_chunks import FrameCount, encode_chunks
from orchestrator.transcoding.chunks.jobs import jobs_for, threads_for
from orchestrator.transcoding.chunks.plan import Chunk, canvas_of, plan_chunks
from orchestrator.transcoding.chunks.record import ChunkRecord
from orchestrator.transcoding.chunks.run import ChunkEncoder
from orchestrator.transcoding.frames import Frames, read_frames
from orchestrator.transcoding.joining import Parts, join_parts
from orchestrator.transcoding.preparation import Prepared, prepare, version_of
from orchestrator.transcoding.request import TranscodingRequest
from orchestrator.transcoding.result import Stage, TranscodingProgress, TranscodingResult
from orchestrator.transcoding.target import (
    is_made_square,
    made_square,
    starts_of,
    target_of,
    times_of,
    video_input_of,
    zero_of,
)
from orchestrator.transcoding.threads import stoppable, to_its_end
from orchestrator.transcoding.verification import refuse_differences
from orchestrator.transcoding.work_folder import WorkFolder

OnProgress = Callable[[TranscodingProgress], None]
"""Called a few times a second, on the event loop."""


async def check(request: TranscodingRequest, settings: Settings) -> Path:
    """Where the new file will be; raises what `transcode` would raise at once.

    Nothing is read but headers, and nothing changed. InvalidRequest (the values, the paths, what
    the file is), PipelineBroken, EncoderMissing, FFmpegNotFound, Unavailable, NotEnoughDisk.
    """
    return (await prepare(request, settings)).output


async def transcode(
    request: TranscodingRequest, settings: Settings, on_progress: OnProgress | None = None
) -> TranscodingResult:
    """Encodes the file, checks the new one, gives it its name, removes the source if asked to.

    Goes on where an earlier run of the same request ended. Raises what `check` does, and
    StillActive (another process is at it), SourceDamaged, EncodingFailed, NotEnoughDisk. At an
    error or a cancellation all ffmpegs are ended and the source is untouched; finished chunks stay
    in the work folder.
    """
    prepared = await prepare(request, settings)
    folder = await _opened_folder(prepared)
    try:
        return await _Transcoding(prepared, settings, folder, on_progress or _ignore).run()
    except OSError as error:
        if (short := not_enough_disk(folder.path, error)) is not None:
            raise short from error
        raise
    finally:
        await to_its_end(folder.close)


async def _opened_folder(prepared: Prepared) -> WorkFolder:
    """Locked; let go again if we are cancelled meanwhile."""
    opening = asyncio.create_task(asyncio.to_thread(WorkFolder, prepared.output, prepared.identity))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        for opened in await asyncio.gather(opening, return_exceptions=True):
            if isinstance(opened, WorkFolder):
                await asyncio.to_thread(opened.close)
        raise


def _ignore(progress: TranscodingProgress) -> None:
    pass


@dataclass(slots=True)
class _Transcoding:
    """One run for one file."""

    prepared: Prepared
    settings: Settings
    folder: WorkFolder
    on_progress: OnProgress
    began_s: float = field(default_factory=time.monotonic)
    total_s: float = 0.0
    count: FrameCount | None = None

    async def run(self) -> TranscodingResult:
        prepared, source = self.prepared, self.prepared.source
        self.total_s = source.duration_s or 0.0
        self._tell("reading", 0.0)
        frames = await self._frames() if source.video is not None else None
        starts = await to_its_end(starts_of, source)
        zero = zero_of(source, frames, starts)
        audio = await to_its_end(
            plan_audio, source, starts, prepared.pipeline, self.folder.path, zero=zero
        )
        chunks, records, encoded = await self._encoded(frames, audio, zero)
        times = times_of(prepared, frames, records, zero)
        parts = Parts(source, self.folder.path, records, times, audio, encoded, zero)
        made = self.folder.path / f"joined{prepared.pipeline.segment_suffix}"
        self._tell("joining", self.total_s)
        try:
            await stoppable(lambda stop: join_parts(parts, prepared.pipeline, made, stop))
            self._tell("checking", self.total_s)
            await stoppable(lambda stop: refuse_differences(parts, made, stop))
            output = await to_its_end(self._published, made)
        finally:
            await to_its_end(made.unlink, missing_ok=True)
        return await to_its_end(self._result, output, parts, chunks)

    async def _frames(self) -> Frames:
        source, loop = self.prepared.source, asyncio.get_running_loop()

        def on_read(read_s: float) -> None:
            loop.call_soon_threadsafe(self._tell, "reading", read_s)

        frames = await stoppable(lambda stop: read_frames(source, on_read, stop))
        self.total_s = frames.end_s
        return frames

    async def _encoded(
        self, frames: Frames | None, audio: list[AudioPlan], zero: Fraction
    ) -> tuple[list[Chunk], list[ChunkRecord], dict[int, Path]]:
        encoded: dict[int, Path] = {}
        prepared = self.prepared

        async def beside() -> None:
            encoded.update(
                await encode_audio(
                    prepared.ffmpeg,
                    prepared.source,
                    audio,
                    self.folder.path,
                    pipeline=prepared.pipeline,
                    zero=zero,
                    bitrate_bps=QUALITIES[prepared.quality].audio_bps,
                )
            )

        if frames is None:
            await beside()
            return [], [], encoded
        encoder, chunks, jobs = await to_its_end(self._planned, frames)
        self.count = FrameCount(lambda: self._tell_frames(len(frames.times)))
        records = await encode_chunks(
            encoder, chunks, jobs, self.count, with_vmaf=prepared.request.vmaf, beside=beside
        )
        return chunks, records, encoded

    def _planned(self, frames: Frames) -> tuple[ChunkEncoder, list[Chunk], int]:
        """The chunks, as an earlier run planned them if there was one. Blocking."""
        prepared, video = self.prepared, self.prepared.source.video
        assert video is not None
        if is_made_square(prepared):
            frames = made_square(frames, video.aspect)
        jobs = jobs_for(*canvas_of(frames))
        plan = self.folder.plan or {"jobs": jobs}
        self.folder.put_plan(plan)
        mixed = prepared.pipeline.video_codec in MIXED_SIZES
        chunks = plan_chunks(frames, video.time_base, int(plan["jobs"]), mixed_sizes=mixed)
        jobs = max(1, min(jobs, len(chunks)))
        video_input = video_input_of(prepared, frames)
        target = target_of(prepared, frames, video_input, threads_for(jobs))
        encoder = ChunkEncoder(
            prepared.ffmpeg, video, video_input, target, self.folder.path, frames.times
        )
        return encoder, chunks, jobs

    def _published(self, made: Path) -> Path:
        """Gives the new file its name, and removes the source if that was asked for. Blocking."""
        prepared = self.prepared
        path = prepared.source.path
        if version_of(path) != prepared.version:
            raise InvalidRequest(
                f"{path} changed while it was encoded.",
                "Nothing was replaced; encode it again when nothing writes to it.",
            )
        output = publish(made, prepared.output, self.settings.file_access)
        if prepared.request.replace:
            path.unlink()
        self.folder.remove()
        return output

    def _result(self, output: Path, parts: Parts, chunks: list[Chunk]) -> TranscodingResult:
        prepared, records = self.prepared, parts.chunks
        frames = sum(len(record.times) for record in records)
        measured = [(r.vmaf, len(r.times)) for r in records if r.vmaf is not None]
        wanted = prepared.request.vmaf and len(measured) == len(records) and frames
        least = [r.vmaf_least for r in records if r.vmaf_least is not None]
        return TranscodingResult(
            source=prepared.source.path,
            output=output,
            pipeline=prepared.pipeline.name,
            source_bytes=prepared.source.size_bytes,
            output_bytes=output.stat().st_size,
            duration_s=self.total_s,
            frames=frames,
            chunks=len(chunks),
            took_s=time.monotonic() - self.began_s,
            fps=self.count.fps if self.count else None,
            audio=tuple(plan.description for plan in parts.audio),
            left_out=prepared.source.left_out,
            vmaf=sum(v * n for v, n in measured) / frames if wanted else None,
            vmaf_least=min(least) if wanted else None,
            replaced=prepared.request.replace,
        )

    def _tell_frames(self, total: int) -> None:
        assert self.count is not None
        share = self.count.frames / total if total else 0.0
        self._tell("encoding", min(share, 1.0) * self.total_s)

    def _tell(self, stage: Stage, done_s: float) -> None:
        count = self.count
        fps = count.fps if count else None
        took_s = time.monotonic() - self.began_s
        fresh_s = done_s
        if count and count.frames:
            fresh_s = done_s * count.own / count.frames
        left_s = None
        if stage == "encoding" and fresh_s > 0:
            left_s = max(self.total_s - done_s, 0.0) * took_s / fresh_s
        frames = count.frames if count else 0
        self.on_progress(TranscodingProgress(stage, done_s, self.total_s, frames, fps, left_s))
