"""Reads the job from standard input, uploads until there is nothing to do, exits.

SIGTERM, SIGINT: stop; the next uploader goes on from what has arrived.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from typing import Final

import structlog

from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError
from orchestrator.logs import configure
from orchestrator.stderr_log import StderrLog
from orchestrator.uploads.process.job import UploaderJob, log_path
from orchestrator.uploads.process.lock import UploaderLock
from orchestrator.uploads.process.uploader import Uploader

log = structlog.get_logger(__name__)

NICENESS: Final = 10
"""Recordings come first, but an upload goes on beside them."""


async def upload(job: UploaderJob) -> None:
    """Runs the uploader, unless another process is at it."""
    catalog = Catalog(job.settings.database_url, job.settings.file_access)
    lock = UploaderLock(catalog.path)
    if not await asyncio.to_thread(lock.take):
        return
    log_file = StderrLog(log_path(catalog.path))
    await asyncio.to_thread(log_file.start)
    await catalog.open(migrate=False)
    try:
        uploader = Uploader(catalog, job.settings.file_access)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, uploader.stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # the launcher blocked it
        await uploader.run()
    finally:
        await catalog.close()
        lock.release()
        await asyncio.to_thread(log_file.close)


def main() -> int:
    """Exit status 0 when there is nothing to do, or it was told to stop."""
    line = sys.stdin.readline()
    if not line.strip():
        return 0
    job = UploaderJob.read(line)
    configure("warning", job.settings.log_format)
    with suppress(OSError):
        os.nice(NICENESS)
    try:
        asyncio.run(upload(job))
    except (HavenError, OSError) as error:
        log.error("the uploader failed", error=str(error))
        return 1
    return 0
