"""Encodes the files of one recording, one after the other, and keeps the encode's row.

Whatever an earlier process left is taken: finished chunks, finished files, also one that has its
name already and of which the catalog doesn't know yet. The original goes only once its replacement
is checked and has its name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from orchestrator.catalog.encode_model import Encode
from orchestrator.catalog.encodes import Encodes, Replacement
from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.errors import EncodeNotFound, HavenError, InvalidRequest, Unavailable
from orchestrator.periodic import Periodic
from orchestrator.recordings.encodes.options import EncodeOptions
from orchestrator.recordings.encodes.states import EncodeState
from orchestrator.recordings.start_request import quality_named
from orchestrator.settings import Settings
from orchestrator.transcoding.process.encoded_file import encoded_file, ended_in_words, found_made
from orchestrator.transcoding.process.outputs import (
    free_output,
    is_made,
    remove_made,
    remove_work,
    request_for,
)
from orchestrator.transcoding.process.progress import Parts
from orchestrator.transcoding.recording_files import replacement
from orchestrator.transcoding.result import TranscodingProgress
from orchestrator.transcoding.transcode import transcode

log = structlog.get_logger(__name__)

TELL_S: Final = 1.0
"""Progress is written at most this often."""

ATTEMPTS: Final = 30
"""At writing what must be written, a second apart."""


class _Stopped(Exception):
    """A signal came before all files were done."""


class EncodeProcess:
    """One process of an encode. `stop` ends it soon."""

    def __init__(self, row: Encode, catalog: Catalog, settings: Settings) -> None:
        self._row, self._catalog, self._settings = row, catalog, settings
        self._encodes = Encodes(catalog)
        self._options = EncodeOptions.from_dict(row.request)
        self._outputs, self._result = dict(row.outputs), dict(row.result)
        self._stopping = row.wanted == "cancel"
        self._work: asyncio.Task[Any] | None = None
        self._parts = Parts((), 0)
        self._latest: TranscodingProgress | None = None
        self._written: TranscodingProgress | None = None

    def stop(self) -> None:
        """Ends the ffmpegs; what is finished is kept or removed as the row says."""
        if self._stopping:
            return  # once more would only interrupt the cleaning up
        self._stopping = True
        if self._work is not None:
            self._work.cancel()

    async def run(self) -> None:
        """Returns when the row has the new state."""
        telling = Periodic(self._tell, TELL_S, failure="progress not written; trying again")
        telling.open()
        try:
            await self._encode_all()
        except HavenError as error:
            await self._undo()
            await self._end(EncodeState.FAILED, error)
        except _Stopped:
            await self._leave()
        else:
            await self._end(EncodeState.COMPLETED)
        finally:
            await telling.close()

    async def _encode_all(self) -> None:
        files = await self._catalog.files(self._row.recording_id)
        if not files:
            raise InvalidRequest(
                f"Recording {self._row.recording_id} has no file.", "It may have been deleted."
            )
        for place, file in enumerate(files):
            self._parts = Parts([each.duration_s or 0.0 for each in files], place)
            if str(file.number) not in self._result:
                await self._encode(file)

    async def _encode(self, file: File) -> None:
        if await self._take_made(file):
            return
        if self._stopping:
            raise _Stopped
        request = request_for(file, self._options, await self._planned(file))
        if self._stopping:  # meanwhile
            raise _Stopped
        self._work = asyncio.create_task(transcode(request, self._settings, self._on_progress))
        try:
            result = await self._work
        except asyncio.CancelledError:
            # It may have been about to end: then it has.
            if await self._take_made(file):
                return
            raise _Stopped from None
        finally:
            self._work = None
        await self._put(file, encoded_file(result))

    async def _planned(self, file: File) -> Path:
        """Where the new file will be, as the row has it before anything is made."""
        number = str(file.number)
        if number not in self._outputs:
            pipeline = await self._pipeline()
            path = await asyncio.to_thread(
                free_output, Path(file.path), pipeline, self._settings.av1_extension
            )
            self._outputs[number] = str(path)
            await self._write(outputs=dict(self._outputs))
        return Path(self._outputs[number])

    async def _take_made(self, file: File) -> bool:
        planned, source = self._outputs.get(str(file.number)), Path(file.path)
        replace = self._options.replace
        if planned is None:
            return False
        output = Path(planned)
        if not await asyncio.to_thread(is_made, source, output, replace=replace):
            return False
        await asyncio.to_thread(remove_work, output)
        if replace:
            await asyncio.to_thread(source.unlink, missing_ok=True)
        values = await asyncio.to_thread(
            found_made,
            source,
            output,
            self._options.pipeline,
            replaced=replace,
            source_bytes=file.size_bytes,
        )
        await self._put(file, values)
        return True

    async def _put(self, file: File, values: dict[str, Any]) -> None:
        """One transaction: what came of the file, and the recording's file if it was replaced."""
        self._result[str(file.number)] = values
        new = await self._replacement(file, values) if values["replaced"] else None
        result = dict(self._result)
        await with_retries(lambda: self._encodes.put_result(self._row.id, result, new))

    async def _replacement(self, file: File, values: dict[str, Any]) -> Replacement:
        options, output = self._options, Path(values["output"])
        by_quality = options.crf is None and options.bitrate_bps is None
        quality = quality_named(options.quality, "quality") if by_quality else None
        return await replacement(file, output, await self._pipeline(), quality)

    async def _pipeline(self) -> Pipeline:
        loaded = await asyncio.to_thread(Pipelines.load, self._settings.pipelines_directory)
        return loaded.get(self._options.pipeline)

    def _on_progress(self, progress: TranscodingProgress) -> None:
        self._latest = progress

    async def _tell(self) -> None:
        latest = self._latest
        if latest is None or latest is self._written:
            return
        self._written = latest
        values = self._parts.progress(latest)
        if not await self._change(progress=values, progress_at=datetime.now(UTC)):
            log.warning("this encode was removed, or a newer process is at it; stopping")
            self.stop()

    async def _leave(self) -> None:
        """Stopped: cancelled, or paused until the queue goes on."""
        try:
            row = await self._encodes.get(self._row.id)
        except EncodeNotFound:
            await self._undo()
            return
        if row.starts != self._row.starts:
            return  # a newer process has taken over
        if row.wanted == "cancel":
            await self._undo()
            await self._end(EncodeState.CANCELLED)
        else:
            await self._write(state=EncodeState.PAUSED.value)

    async def _undo(self) -> None:
        """Removes what was made, but for files that took the place of originals."""
        self._result = await asyncio.to_thread(remove_made, self._outputs, self._result)

    async def _end(self, state: EncodeState, error: HavenError | None = None) -> None:
        failure = error_columns(error) if error is not None else {}
        await self._note(state, error)  # before: who sees the state finds the line
        await self._write(
            state=state.value,
            ended_at=datetime.now(UTC),
            progress=None,
            result=dict(self._result),
            **failure,
        )

    async def _note(self, state: EncodeState, error: HavenError | None) -> None:
        """A line in the recording's event log."""
        id, files = self._row.recording_id, self._result.values()
        message = ended_in_words(state, self._options.pipeline, files, error)
        data = {"encode_id": self._row.id, "state": state.value}
        try:
            await self._catalog.add_event(id, "encoded", message, **data)
        except HavenError as problem:  # it may be gone
            log.warning("event not written", recording=id, error=problem.error)

    async def _write(self, **columns: Any) -> None:
        await with_retries(lambda: self._change(**columns))

    async def _change(self, **columns: Any) -> bool:
        return await self._encodes.change(self._row.id, starts=self._row.starts, **columns)


def error_columns(error: HavenError) -> dict[str, str]:
    """An error as the columns of a row."""
    return {"error_code": error.code, "error": error.error, "detail": error.detail}


async def with_retries(call: Callable[[], Awaitable[object]]) -> None:
    """Calls it again while the catalog is busy; Unavailable after half a minute."""

    async def once() -> None:  # tenacity awaits only what an async function returns
        await call()

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(Unavailable),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_fixed(TELL_S),
        reraise=True,
    )
    await retrying(once)
