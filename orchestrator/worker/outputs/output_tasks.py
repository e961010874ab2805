"""Begins and ends the outputs that a recording's worker makes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Container, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import structlog
from pydantic import ValidationError

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.errors import HavenError, Unavailable
from orchestrator.recordings.encryption.sealed_text import output_of
from orchestrator.recordings.left_outputs import end_left, end_output
from orchestrator.recordings.output_states import ENDED, OutputState
from orchestrator.recordings.states import ACTIVE
from orchestrator.stop_policy import STOP
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.context import WorkerContext
from orchestrator.worker.outputs.images.output import make_images
from orchestrator.worker.outputs.push.push import push
from orchestrator.worker.outputs.running_output import Make, RunningOutput
from orchestrator.worker.segments.listed_segments import ListedSegments

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
IDLE_LOOK_S: Final = 10.0
"""Seconds between two looks at what outputs are wanted, unless the worker is woken: with and
without any."""

MAKERS: Final[Mapping[str, Make]] = {"images": make_images, "push": push}
"""By kind; others are made elsewhere."""

OF_FILES: Final = frozenset({"images"})
"""Those that can be made of segments alone, once nothing is recorded any more."""


class OutputTasks:
    """A task for each output of the recording that its worker makes."""

    def __init__(
        self,
        entry: CatalogEntry,
        context: WorkerContext,
        segments: Callable[[], ListedSegments | None],
        makers: Mapping[str, Make] = MAKERS,
    ) -> None:
        self._entry, self._context, self._segments, self._makers = entry, context, segments, makers
        self._table = Outputs(context.catalog)
        self._running: dict[str, tuple[RunningOutput, asyncio.Task[None]]] = {}
        self._look_now = asyncio.Event()

    def look(self) -> None:
        """Look now at what is wanted."""
        self._look_now.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Outputs are made in here; behind it they have the time of the policy to send the rest."""
        if self._entry.recording.outputs_cores:  # of a worker that was killed
            with contextlib.suppress(Unavailable):
                await self._context.catalog.update(self._entry.recording.id, outputs_cores=0.0)
        following = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await self._end()

    async def finish_left(self) -> None:
        """What an earlier worker had begun and can be made of its segments; nothing is recorded."""
        try:
            await self._look_at_all(OF_FILES)
        except Exception:  # a boundary: the file is worth more than what else is made of it
            log.exception("outputs that an earlier worker left are not finished")
        await self._end()

    async def end_left(self) -> None:
        """The recording's end is written: what is open now, nobody will make."""
        if self._entry.state in ACTIVE:
            return
        try:
            await end_left(self._context.catalog, self._entry.recording.id)
        except HavenError as error:
            log.warning("outputs stay open until a server ends them", error=error.error)

    async def _follow(self) -> None:
        while True:
            self._look_now.clear()
            try:
                await self._look_at_all(self._makers)
            except Unavailable as error:
                log.warning("can't read what outputs are wanted", error=error.error)
            except Exception:  # a boundary: the next look has another chance
                log.exception("can't look after outputs; trying again")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S if self._running else IDLE_LOOK_S):
                    await self._look_now.wait()

    async def _look_at_all(self, kinds: Container[str]) -> None:
        for row in await self._table.of_recording(self._entry.recording.id):
            if row.kind not in kinds:
                continue
            try:
                await self._look_at(row)
            except Unavailable as error:
                log.warning("can't look after an output", output=row.id, error=error.error)
            except Exception:  # a boundary: one bad row must not cost the other outputs
                log.exception("can't look after an output", output=row.id)

    async def _look_at(self, row: OutputRow) -> None:
        known = self._running.get(row.id)
        if known is not None and known[1].done():
            await self._report(*self._running.pop(row.id))
            return  # the row says how it stood before
        if known is None and row.state not in ENDED:
            await self._begin(row)
        elif known is not None and row.wanted == "remove":
            known[0].removed.set()
        elif known is not None and row.state == OutputState.WAITING:
            known[0].try_again()

    async def _begin(self, row: OutputRow) -> None:
        if row.wanted == "remove":
            await self._table.change(row.id, state=OutputState.REMOVED)
            return
        try:
            spec = await output_of(self._context.catalog, row)
        except (Unavailable, ValidationError) as error:
            log.error("an output can't be read", output=row.id)
            await end_output(self._context.catalog, row, OutputState.FAILED, _unreadable(error))
            return
        output = RunningOutput(
            id=row.id,
            spec=spec,
            recording=self._entry.recording,
            context=self._context,
            segments=self._segments,
            note=self._entry.note,
            table=self._table,
            trusted=row.trusted,
            state=OutputState(row.state),
            figures=row.figures,
            attempts=row.attempts,
        )
        if row.started_at is None:
            await output.change(started_at=datetime.now(UTC))
        self._running[row.id] = output, asyncio.create_task(self._makers[row.kind](output))

    async def _report(self, output: RunningOutput, task: asyncio.Task[None]) -> None:
        """Of a task that has ended; one that raised, or took too long, has failed."""
        if task.cancelled() and not output.ended:
            await output.change(
                OutputState.FAILED,
                error_code=HavenError.code,
                error=f"It took more than {STOP.outputs_s:g} s behind the recording's end.",
                detail="What was made or sent until then is there.",
            )
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("an output failed", output=output.id, error=repr(error))
            known = error if isinstance(error, HavenError) else None
            await output.change(
                OutputState.FAILED,
                error_code=known.code if known else HavenError.code,
                error=known.error if known else f"{type(error).__name__}: {error}",
                detail=known.detail if known else "This is a fault of the recorder; see its log.",
            )

    async def _end(self) -> None:
        for output, _ in self._running.values():
            output.recorded.set()
        tasks = [task for _, task in self._running.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP.outputs_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for known in self._running.values():
            await self._report(*known)


def _unreadable(error: Exception) -> HavenError:
    if isinstance(error, Unavailable):
        return error
    return HavenError(  # the error's own text may have secrets
        "What was asked for with this output can't be read.",
        "Another version added it, or the catalog is damaged; add it again.",
    )
