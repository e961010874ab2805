"""One upload output: everything that its recording has now and that isn't at the target yet.

::

    waiting ─▶ active ◀─▶ retrying ─▶ complete | failed | removed

A pass ends when there is nothing more to send. The next begins when the recording has another
final file, has ended, or the time of the next try has come; a pass that was killed leaves nothing
but rows of files with the id of what is open at the target, which the next goes on with.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import structlog

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.catalog.uploads.table import UploadedFiles
from orchestrator.errors import HavenError, InvalidRequest, UploadError, UploadRefused
from orchestrator.file_access import FileAccess
from orchestrator.outputs.specs import UploadOutput
from orchestrator.recordings.encryption.sealed_text import output_of
from orchestrator.recordings.output_states import OutputState
from orchestrator.uploads.bandwidth import Bandwidth
from orchestrator.uploads.objects import Objects
from orchestrator.uploads.output_state import OutputGone, UploadState
from orchestrator.uploads.retries import decide
from orchestrator.uploads.rows import local_file, target_of
from orchestrator.uploads.s3.bucket import http_client
from orchestrator.uploads.upload_pass import UploadPass

log = structlog.get_logger(__name__)


class Upload:
    """Carries out one pass of an output; the row says what came of it."""

    def __init__(self, catalog: Catalog, row: OutputRow, access: FileAccess) -> None:
        self._access = access
        self._catalog, self._row = catalog, row
        self._files = UploadedFiles(catalog)
        self._state = UploadState(catalog, row)

    async def run(self) -> None:
        """Sends what there is to send. Raises nothing that concerns only this output."""
        try:
            spec = await output_of(self._catalog, self._row)
            assert isinstance(spec, UploadOutput)
            await self._run(spec)
        except OutputGone:
            log.info("an upload's recording was deleted meanwhile", output=self._row.id)

    async def _run(self, spec: UploadOutput) -> None:
        recording = await self._catalog.get(self._row.recording_id)
        if self._row.wanted == "remove":
            await self._remove(spec)
            return
        try:
            async with UploadPass(self._catalog, self._state, spec, recording, self._access) as one:
                await one.send_all()
        except UploadError as error:
            await self._failed(error, spec)
        except InvalidRequest as error:  # the address or its options
            await self._failed(UploadRefused(error.error, error.detail), spec)

    async def _failed(self, error: UploadError, spec: UploadOutput) -> None:
        figures, now = self._state.figures, datetime.now(UTC)
        tries = figures["tries"] = figures.get("tries", 0) + 1
        since = figures.setdefault("failing_since", now.isoformat())
        self._row.attempts += 1
        on_fallback = bool(figures.get("fallback_used"))
        decision = decide(
            error,
            tries,
            has_fallback=spec.fallback_url is not None and not on_fallback,
            since=datetime.fromisoformat(since),
            now=now,
        )
        log.warning("upload failed", output=self._row.id, error=error.error, tries=tries)
        if decision.fallback:
            figures |= {"fallback_used": True, "fallback_reason": error.error}
            self._state.forget_failures()
        if decision.gives_up:
            await self._end_open(spec)
            await self._state.failed(OutputState.FAILED, error, None)
        else:
            await self._state.failed(OutputState.RETRYING, error, decision.next_try_at)

    async def _remove(self, spec: UploadOutput) -> None:
        await self._end_open(spec)
        await self._state.set(OutputState.REMOVED)

    async def _end_open(self, spec: UploadOutput) -> None:
        """What is unfinished at a target is ended there, so that nobody pays for it."""
        for file in await self._files.of_output(self._row.id):
            if file.verified is not None:
                continue
            with suppress(HavenError):
                await self._abort(spec, file)
                await self._files.forget(self._row.id, file.name)
        left = [f for f in await self._files.of_output(self._row.id) if f.verified is None]
        if left:
            self._state.figures["left_open"] = [one.location for one in left]

    async def _abort(self, spec: UploadOutput, file: UploadedFile) -> None:
        target = await asyncio.to_thread(target_of, spec, fallback=file.fallback)
        async with http_client(target.client) as client:
            objects = Objects(target, client, Bandwidth(None))
            await objects.abort(local_file(file), file.open_id)
