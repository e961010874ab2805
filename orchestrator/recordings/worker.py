"""The process of one recording: reads its job from standard input, records, exits.

``python -m orchestrator.recordings.worker`` waits for one line of JSON: the recording's id and the
settings. SIGUSR1: look at what is wanted. SIGTERM, SIGINT: finish the file and exit.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.discovery.directory import Directory
from orchestrator.encoding.capabilities import find_ffmpeg, require
from orchestrator.encoding.presets import Presets
from orchestrator.errors import HavenError
from orchestrator.logs import configure
from orchestrator.media import Endpoint, LiveKitEndpoint, Stream, WhepEndpoint
from orchestrator.monitor.usage import boot_id, created
from orchestrator.recordings.durable import Durable
from orchestrator.recordings.previews import Preview
from orchestrator.recordings.recorder import Parts, Recorder
from orchestrator.recordings.segments import Encoding
from orchestrator.settings import Settings
from orchestrator.sources.create import create
from orchestrator.sources.source import OnEvent, Source

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is told."""

    recording_id: str
    number: int
    """Which worker of this recording it is, from 1 on."""
    settings: Settings
    endpoint: Endpoint | None
    """How to connect first; None when that isn't known, or there is only a file to finish."""
    log: Path
    """Where its standard error goes."""

    def line(self) -> str:
        """For its standard input."""
        endpoint = self.endpoint
        job = {
            "recording_id": self.recording_id,
            "number": self.number,
            "settings": self.settings.to_worker_json(),
            "endpoint": endpoint and {"kind": type(endpoint).__name__, **asdict(endpoint)},
            "log": str(self.log),
        }
        return json.dumps(job)

    @classmethod
    def read(cls, line: str) -> Job:
        """What `line` wrote."""
        job: dict[str, Any] = json.loads(line)
        settings = Settings.from_worker_json(job["settings"])
        endpoint = job["endpoint"] and _endpoint(job["endpoint"])
        log = Path(job["log"])
        return cls(job["recording_id"], job["number"], settings, endpoint, log)


def identity_of(recording_id: str) -> str:
    """How a recorder is called in a room; hidden, and one for each recording."""
    return f"haven-recorder-{recording_id}"


def runtime_directory(recording_id: str) -> Path:
    """Private folder of a worker for its pipes; whoever comes after a killed worker removes it."""
    return Path(tempfile.gettempdir()) / f"haven-recorder-{recording_id}"


async def record(job: Job) -> None:
    """One worker's life."""
    catalog = Catalog(job.settings.database_url)
    await catalog.open(migrate=False)
    try:
        recording = await catalog.get(job.recording_id)
        if recording.worker_starts != job.number:
            log.warning("another worker is at it", number=job.number, of=recording.worker_starts)
            return
        # Whoever started us does so too, and may die before.
        await catalog.update(recording.id, **worker_columns(os.getpid()))
        await _record(recording, job, catalog)
    finally:
        await catalog.close()


async def _record(recording: Recording, job: Job, catalog: Catalog) -> None:
    directory = Directory.from_settings(job.settings)
    runtime = runtime_directory(recording.id)
    try:
        await asyncio.to_thread(_make_runtime, runtime)
        preview = Preview(runtime)
        recorder, encoding = _recorder(recording, job, catalog, directory, preview)
        _obey_signals(recorder)
        durable = Durable(Path(recording.work_directory), catalog.path)
        beside = [asyncio.create_task(part.run()) for part in (durable, preview)]
        background = [encoding, *beside]
        try:
            await recorder.run()
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
    finally:
        await directory.close()
        await asyncio.to_thread(shutil.rmtree, runtime, ignore_errors=True)


def worker_columns(pid: int) -> dict[str, Any]:
    """What the recording's row says of its worker."""
    return {"worker_pid": pid, "worker_created": created(pid), "worker_boot": boot_id()}


def _recorder(
    recording: Recording, job: Job, catalog: Catalog, directory: Directory, preview: Preview
) -> tuple[Recorder, asyncio.Task[Encoding]]:
    """The recorder, and the look for preset and ffmpeg that runs while it connects."""
    stream, settings = Stream(**recording.stream), job.settings

    async def renew() -> Endpoint:
        return await directory.endpoint(stream, identity_of(recording.id))

    async def connect(on_event: OnEvent) -> Source:
        return create(
            job.endpoint or await renew(),
            on_event,
            renew=renew,
            connect_timeout_s=settings.connect_timeout_s,
            reconnect_timeout_s=settings.reconnect_timeout_s,
        )

    encoding = asyncio.create_task(_encoding(recording, stream, settings))
    runtime = runtime_directory(recording.id)
    parts = Parts(settings, catalog, connect, encoding, runtime, preview)
    return Recorder(recording, parts), encoding


async def _encoding(recording: Recording, stream: Stream, settings: Settings) -> Encoding:
    presets = await asyncio.to_thread(Presets.load, settings.pipelines_directory)
    preset = presets.get(recording.pipeline)
    ffmpeg = await find_ffmpeg(settings.ffmpeg, preset.encoders)
    require(ffmpeg, preset)
    tags = _tags(recording, stream)
    return Encoding(preset, presets.presets, ffmpeg, settings.encoder_threads, tags)


def _tags(recording: Recording, stream: Stream) -> dict[str, str]:
    began = recording.created_at.isoformat(timespec="milliseconds")
    return {
        "title": stream.name or stream.symbol or stream.id,
        "comment": f"Live stream {stream.id}, recorded by Haven Recorder",
        "stream_id": stream.id,
        "creation_time": began.replace("+00:00", "Z"),
        "recording_id": recording.id,
        "encoder_settings": (
            f"pipeline={recording.pipeline} video={recording.video_codec}"
            f"/{recording.video_quality} audio={recording.audio_codec}/{recording.audio_quality}"
        ),
    }


def _obey_signals(recorder: Recorder) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, recorder.wake)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})  # the launcher blocked it
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, recorder.stop, "stopped by a signal")


def _make_runtime(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)


def _endpoint(given: dict[str, Any]) -> Endpoint:
    kinds = {kind.__name__: kind for kind in (LiveKitEndpoint, WhepEndpoint)}
    return kinds[given.pop("kind")](**given)


def _log_to(path: Path) -> None:
    """From now on; who waited in reserve had the server's standard error until here."""
    with path.open("a") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())


def main() -> int:
    """Exit status 0 when the recording's end is in the catalog, whatever it was."""
    line = sys.stdin.readline()
    if not line.strip():
        return 0  # a worker in reserve that was not needed
    job = Job.read(line)
    _log_to(job.log)
    configure(job.settings.log_level, job.settings.log_format)
    structlog.contextvars.bind_contextvars(recording=job.recording_id)
    try:
        asyncio.run(record(job))
    except HavenError as error:
        log.error("the worker failed", error=error.error, detail=error.detail)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
