"""One upload output: everything that its recording has now and that isn't at the target yet.

::

    waiting ─▶ active ◀─▶ retrying ─▶ complete | failed | removed

A pass ends when there is nothing more to send, one that follows a recording with pieces for HLS at
its end. The next begins when the recording has another
final file, has ended, or the time of the next try has come; a pass that was killed leaves nothing
but rows of files with the id of what is open at the target, which the next goes on with.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.catalog.uploads.table import UploadedFiles
from orchestrator.errors import InvalidRequest, Unavailable, UploadError, UploadRefused
from orchestrator.file_access import FileAccess
from orchestrator.outputs.specs import UploadOutput
from orchestrator.recordings.encryption.sealed_text import output_of
from orchestrator.recordings.output_states import OutputState
from orchestrator.recordings.states import ACTIVE
from orchestrator.uploads.contents import remove_scratch
from orchestrator.uploads.failures import hindered
from orchestrator.uploads.left_open import LeftOpen, keep
from orchestrator.uploads.output_state import OutputGone, UploadState
from orchestrator.uploads.retries import decide
from orchestrator.uploads.upload_pass import UploadPass

log = structlog.get_logger(__name__)


class Upload:
    """Carries out one pass of an output; the row says what came of it."""

    def __init__(
        self,
        catalog: Catalog,
        row: OutputRow,
        access: FileAccess,
        beside: asyncio.Semaphore | None = None,
    ) -> None:
        """`beside`: how many send files while they follow their recordings, of one process."""
        self._access, self._beside = access, beside or asyncio.Semaphore(1)
        self._catalog, self._row = catalog, row
        self._files = UploadedFiles(catalog)
        self._state = UploadState(catalog, row)

    async def run(self) -> None:
        """Sends what there is to send. Raises nothing that concerns only this output."""
        try:
            if (spec := await self._unsealed()) is not None:
                await self._run(spec)
            ended = self._state.has_ended
        except OutputGone:
            ended = True
            log.info("an upload's recording was deleted meanwhile", output=self._row.id)
        if ended:
            await remove_scratch(self._row.id)

    async def _unsealed(self) -> UploadOutput | None:
        """What was asked for; None if it can't be read any more, which ends the output."""
        try:
            spec = await output_of(self._catalog, self._row)
        except Unavailable as error:
            log.warning("an upload can't be read", output=self._row.id, error=error.error)
            for file in await self._unfinished():
                keep(self._state.figures, file)
            if self._row.wanted == "remove":
                await self._state.set(OutputState.REMOVED)
            else:
                await self._state.failed(OutputState.FAILED, error, None)
            return None
        assert isinstance(spec, UploadOutput)
        return spec

    async def _run(self, spec: UploadOutput) -> None:
        recording = await self._catalog.get(self._row.recording_id)
        if self._row.wanted == "remove":
            await self._remove(spec)
            return
        try:
            async with UploadPass(
                self._catalog,
                self._state,
                spec,
                recording,
                access=self._access,
                beside=self._beside,
            ) as one:
                await one.send_all()
        except UploadError as error:
            await self._failed(error, spec)
        except InvalidRequest as error:  # the address or its options
            await self._failed(UploadRefused(error.error, error.detail), spec)
        except OSError as error:
            await self._failed(hindered(error), spec)

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
            live=spec.hls and await self._is_live(),
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

    async def _is_live(self) -> bool:
        return (await self._catalog.get(self._row.recording_id)).state in ACTIVE

    async def _remove(self, spec: UploadOutput) -> None:
        await self._end_open(spec)
        await self._state.set(OutputState.REMOVED)

    async def _end_open(self, spec: UploadOutput) -> None:
        """What is unfinished at a target is ended there, so that nobody pays for it."""
        left_open = LeftOpen(self._state, spec)
        await left_open.end_kept()
        for file in await self._unfinished():
            if await left_open.end(file):
                await self._files.forget(self._row.id, file.name)

    async def _unfinished(self) -> list[UploadedFile]:
        return [one for one in await self._files.of_output(self._row.id) if one.verified is None]
