"""One worker of a recording: from its job to the recording's end in the catalog.

SIGUSR1: look at what is wanted. SIGTERM, SIGINT: finish the file and exit.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.store import Catalog
from orchestrator.discovery.directory import Directory
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.encoding.process.capabilities import usable_ffmpeg
from orchestrator.media import Endpoint, Stream
from orchestrator.monitor.usage import boot_id, created
from orchestrator.recordings.encryption.stream_keys import keys_of
from orchestrator.recordings.job import INPUT_LOG, Job, identity_of, runtime_directory
from orchestrator.recordings.room_data.wanted import keeps_data, shows_recording
from orchestrator.settings import Settings
from orchestrator.sources.create import create
from orchestrator.sources.source import OnEvent, Source
from orchestrator.sources.url.session import UrlInput
from orchestrator.sources.whip.publishers import Publishers
from orchestrator.url_input.program import program
from orchestrator.worker.context import WorkerContext
from orchestrator.worker.control.earlier_pauses import earlier_rows
from orchestrator.worker.disk_sync import DiskSync
from orchestrator.worker.outputs.low_latency import fragment_s
from orchestrator.worker.preview import Preview
from orchestrator.worker.recorder import Recorder
from orchestrator.worker.segments.segment_encoding import SegmentEncoding
from orchestrator.worker.signals import RunningRecorders

log = structlog.get_logger(__name__)

REMOVALS: Final = 20
REMOVAL_S: Final = 0.05
"""How often the private folder is removed at most, and the time between."""


KEYFRAME_S: Final = 25.0
"""Longest wait for the first frame of a publisher who sends keyframes when it likes (WHIP, and
what ffmpeg reads): OBS ignores requests for them, and x264's own interval is 250 frames."""


async def record_alone(job: Job) -> None:
    """In a process that does nothing else."""
    recorders = RunningRecorders()
    recorders.obey_signals()
    await record(job, recorders)


async def record(
    job: Job, recorders: RunningRecorders, publishers: Publishers | None = None
) -> None:
    """Runs one worker until its recording has ended.

    `publishers`: those of this process, for a stream that is sent to us.
    """
    catalog = Catalog(job.settings.database_url)
    await catalog.open(migrate=False)
    try:
        recording = await catalog.get(job.recording_id)
        if recording.worker_starts != job.number:
            log.warning(
                "a newer worker has taken over this recording; exiting",
                number=job.number,
                current=recording.worker_starts,
            )
            return
        # The server that started us writes this, too, but may die first.
        await catalog.update(recording.id, **worker_columns(os.getpid()))
        await _record(recording, job, catalog, recorders, publishers)
    finally:
        await catalog.close()


async def _record(
    recording: Recording,
    job: Job,
    catalog: Catalog,
    recorders: RunningRecorders,
    publishers: Publishers | None,
) -> None:
    directory = Directory.from_settings(job.settings, demo_url=job.demo_url)
    runtime = runtime_directory(recording.id)
    try:
        await asyncio.to_thread(_make_runtime, runtime)
        preview = Preview(runtime)
        pipelines = await asyncio.to_thread(Pipelines.load, job.settings.pipelines_directory)
        recorder, encoding = _recorder(
            *(recording, job, catalog, directory, preview),
            pipelines=pipelines,
            publishers=publishers,
            pauses=await earlier_rows(catalog, recording),
        )
        disk_sync = DiskSync(Path(recording.work_directory), catalog.path)
        beside = [asyncio.create_task(job.run()) for job in (disk_sync, preview)]
        background = [encoding, *beside]
        try:
            with recorders.running(recorder):
                await recorder.run()
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
    finally:
        await directory.close()
        await asyncio.to_thread(_remove_runtime, runtime)


def worker_columns(pid: int) -> dict[str, Any]:
    """What the recording's row says of its worker."""
    return {"worker_pid": pid, "worker_created": created(pid), "worker_boot": boot_id()}


def _recorder(
    recording: Recording,
    job: Job,
    catalog: Catalog,
    directory: Directory,
    preview: Preview,
    *,
    pipelines: Pipelines,
    publishers: Publishers | None,
    pauses: Sequence[Pause],
) -> tuple[Recorder, asyncio.Task[SegmentEncoding]]:
    """The recorder, and the look for pipeline and ffmpeg that runs while it connects."""
    stream, settings = Stream(**recording.stream), job.settings
    copies = _copies(recording, pipelines)

    async def renew() -> Endpoint:
        shown = shows_recording(recording, settings)
        return await directory.endpoint(stream, identity_of(recording.id), shown=shown)

    async def connect(on_event: OnEvent) -> Source:
        return create(
            job.endpoint or await renew(),
            on_event,
            renew=renew,
            connect_timeout_s=settings.connect_timeout_s,
            reconnect_timeout_s=settings.reconnect_timeout_s,
            max_frame_pixels=settings.max_frame_pixels,
            encoded=copies,
            keyframe_interval_s=settings.copy_keyframe_interval_s,
            publishers=publishers,
            keys=keys_of(job.e2ee, settings, settings.streams.get(recording.stream_id)),
            url_input=UrlInput(
                partial(program, settings), Path(recording.work_directory) / INPUT_LOG
            ),
            activity=keeps_data(recording, settings),
        )

    encoding = asyncio.create_task(_encoding(recording, stream, settings, pipelines, catalog))
    runtime = runtime_directory(recording.id)
    first_frame_s = settings.connect_timeout_s
    defined = settings.streams.get(recording.stream_id)
    if publishers is not None or (defined is not None and defined.url is not None):
        first_frame_s = max(first_frame_s, KEYFRAME_S)
    context = WorkerContext(
        *(settings, catalog, connect, encoding, runtime, preview, job.asked_ns),
        first_frame_s=first_frame_s,
        pauses=pauses,
        copies=copies,
    )
    return Recorder(recording, context), encoding


def _copies(recording: Recording, pipelines: Pipelines) -> bool:
    """Of one that doesn't load any more it doesn't matter: nothing will be recorded."""
    pipeline = pipelines.by_name.get(recording.pipeline)
    return pipeline is not None and pipeline.copies


async def _encoding(
    recording: Recording,
    stream: Stream,
    settings: Settings,
    pipelines: Pipelines,
    catalog: Catalog,
) -> SegmentEncoding:
    pipeline = pipelines.get(recording.pipeline)
    if pipeline.copies:
        pipeline = pipeline.for_format(recording.output_format)
    ffmpeg = await usable_ffmpeg(settings, pipeline)
    tags = _tags(recording, stream)
    return SegmentEncoding(
        pipeline,
        pipelines.by_name,
        ffmpeg,
        settings.encoder_threads,
        tags,
        settings.fast_start,
        settings.file_access,
        await fragment_s(catalog, recording.id),
    )


def _tags(recording: Recording, stream: Stream) -> dict[str, str]:
    began = recording.created_at.isoformat(timespec="milliseconds")
    return {
        "title": stream.name or stream.symbol or stream.id,
        "comment": f"Live stream {stream.id}, recorded by Haven Recorder",
        "stream_id": stream.id,
        "creation_time": began.replace("+00:00", "Z"),
        "recording_id": recording.id,
        "encoder_settings": _encoder_settings(recording),
    }


def _encoder_settings(recording: Recording) -> str:
    if recording.tracks is not None:  # qualities are an encoder's
        return f"pipeline={recording.pipeline}"
    return (
        f"pipeline={recording.pipeline} video={recording.video_codec}"
        f"/{recording.video_quality} audio={recording.audio_codec}/{recording.audio_quality}"
    )


def _remove_runtime(path: Path) -> None:
    """A preview that is being made may come into the folder while it is removed."""
    for _ in range(REMOVALS):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(REMOVAL_S)


def _make_runtime(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
