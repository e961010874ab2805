"""Pausing recordings and having them go on, as the API and the command line ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.errors import NothingToPause, PauseConflict, WorkerFailed
from orchestrator.pausing import PauseMode
from orchestrator.recordings.catalog_polling import poll_until
from orchestrator.recordings.states import CAPTURING, RecordingState

ANSWER_S: Final = 10.0
"""How long a worker may take to answer, or the next one to take over from one that died."""


class RecordingPauses:
    """Writes into the catalog what is wanted, and waits for what the worker makes of it."""

    def __init__(self, catalog: Catalog, wake: Callable[[Recording], None]) -> None:
        self._catalog, self._wake = catalog, wake

    async def pause(self, stream_id: str, *, still: bool = False) -> Recording:
        """Returns when nothing more is recorded; at once if it is paused already.

        `still`: its last frame and silence stand for the time, which is cut out else.

        Raises NothingToPause; PauseConflict if it has no first frame yet, is being finished, or is
        paused in the other way.
        """
        recording = await self._capturing(stream_id)
        mode = PauseMode.STILL if still else PauseMode.CUT
        if recording.pause not in (None, mode):
            raise PauseConflict(
                f"The recording of {stream_id} is paused in another way: {recording.pause}.",
                "Resume it first.",
            )
        return await self._want(recording, mode, lambda row: row.state == RecordingState.PAUSED)

    async def resume(self, stream_id: str) -> Recording:
        """Returns when it records again; at once if it isn't paused.

        Raises NothingToPause, PauseConflict.
        """
        recording = await self._capturing(stream_id)
        return await self._want(recording, None, lambda row: row.state != RecordingState.PAUSED)

    async def _capturing(self, stream_id: str) -> Recording:
        recording = await self._catalog.active_of(stream_id)
        if recording is None:
            raise NothingToPause(stream_id)
        if recording.started_at is None:
            raise PauseConflict(
                f"The recording of {stream_id} has no first frame yet.",
                "It can be paused as soon as its state is `recording`.",
            )
        if recording.state not in CAPTURING or recording.wanted == "stop":
            raise PauseConflict(
                f"The recording of {stream_id} is being finished.", "Nothing more is recorded."
            )
        return recording

    async def _want(
        self, recording: Recording, mode: PauseMode | None, reached: Callable[[Recording], bool]
    ) -> Recording:
        pause = None if mode is None else mode.value
        await self._catalog.update(recording.id, pause=pause)
        self._wake(await self._catalog.get(recording.id))

        def answered(row: Recording) -> bool:
            """Somebody else may have asked for the opposite, or for its end."""
            return reached(row) or row.pause != pause or row.state not in CAPTURING

        row = await poll_until(self._catalog, recording.id, answered, ANSWER_S)
        if row is None:
            raise WorkerFailed(
                f"The worker of {recording.stream_id} has not answered within {ANSWER_S:g} s.",
                "It does as asked as soon as it can; GET /api/recording/status says when.",
            )
        return row
