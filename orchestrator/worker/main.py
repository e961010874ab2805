"""The main function of every worker: reads its job from standard input, does it, exits.

``python -m orchestrator.worker`` waits for one line of JSON: a recording's job (`recordings.job`)
or that of a stream whose publisher comes (`recordings.ingest_job`).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import structlog

from orchestrator.errors import HavenError
from orchestrator.logs import configure
from orchestrator.media import WhipEndpoint
from orchestrator.recordings.ingest_job import IngestJob
from orchestrator.recordings.job import Job
from orchestrator.stderr_log import StderrLog
from orchestrator.worker.ingest.process import hold
from orchestrator.worker.process import record_alone

log = structlog.get_logger(__name__)


def main() -> int:
    """Exit status 0 when the recording's end is in the catalog, whatever it was."""
    line = sys.stdin.readline()
    if not line.strip():
        return 0  # a worker in reserve that was not needed
    job = IngestJob.read(line) or Job.read(line)
    # A worker in reserve shares the server's stderr until here.
    log_file = StderrLog(job.log)
    log_file.start()
    configure(job.settings.log_level, job.settings.log_format)
    try:
        asyncio.run(_work(job, log_file))
    except HavenError as error:
        log.error("the worker failed", error=error.error, detail=error.detail)
        return 1
    return 0


def _work(job: Job | IngestJob, log_file: StderrLog) -> Coroutine[Any, Any, None]:
    if isinstance(job, IngestJob):
        return hold(job, log_file)
    if isinstance(job.endpoint, WhipEndpoint):
        return hold(IngestJob(job.endpoint.stream_id, job.settings), log_file, job)
    structlog.contextvars.bind_contextvars(recording=job.recording_id)
    return record_alone(job)
