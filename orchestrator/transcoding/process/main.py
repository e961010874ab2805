"""Reads the job from standard input, encodes, writes the end into the catalog, exits.

SIGTERM, SIGINT: stop; finished chunks are kept for the next process, unless the row says that the
encode is cancelled.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import structlog

from orchestrator.catalog.encodes import Encodes
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.process.idle_start import lower_priority
from orchestrator.errors import HavenError
from orchestrator.logs import configure
from orchestrator.monitor.usage import boot_id, created
from orchestrator.transcoding.process.encode import EncodeProcess
from orchestrator.transcoding.process.job import EncodeJob, remove_log

log = structlog.get_logger(__name__)


async def encode(job: EncodeJob) -> None:
    """Runs one process of an encode until that has ended or is to stop."""
    catalog = Catalog(job.settings.database_url, job.settings.file_access)
    await catalog.open(migrate=False)
    try:
        await _encode(job, catalog)
    finally:
        await catalog.close()


async def _encode(job: EncodeJob, catalog: Catalog) -> None:
    encodes, pid = Encodes(catalog), os.getpid()
    # The server that started us writes this, too, but may die first.
    mine = await encodes.change(
        job.encode_id,
        starts=job.number,
        worker_pid=pid,
        worker_created=created(pid),
        worker_boot=boot_id(),
    )
    if not mine:
        log.warning("this encode has ended, or a newer process is at it; exiting")
        return
    process = EncodeProcess(await encodes.get(job.encode_id), catalog, job.settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # the launcher blocked it
    await process.run()


def main() -> int:
    """Exit status 0 when the encode's state is in the catalog, whatever it is."""
    line = sys.stdin.readline()
    if not line.strip():
        return 0
    job = EncodeJob.read(line)
    configure("warning", job.settings.log_format)
    lower_priority()
    try:
        asyncio.run(encode(job))
    except HavenError as error:
        log.error("the encode's process failed", error=error.error, detail=error.detail)
        return 1
    remove_log(job.encode_id)
    return 0
