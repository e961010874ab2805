"""What is unfinished at a target is ended there, so that nobody pays for it.

What can't be ended now is kept in the figures, as `left_open`, and tried again at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.errors import HavenError
from orchestrator.outputs.specs import UploadOutput
from orchestrator.uploads.bandwidth import Bandwidth
from orchestrator.uploads.objects import LocalFile, Objects
from orchestrator.uploads.output_state import UploadState
from orchestrator.uploads.rows import reachable_target
from orchestrator.uploads.s3.bucket import http_client

log = structlog.get_logger(__name__)

_KEPT: Final = ("location", "open_id", "key", "size_bytes", "fallback")
"""Of the file's row: enough to end it."""


def keep(figures: dict[str, Any], file: UploadedFile) -> None:
    """Leaves it for later."""
    entry = {name: getattr(file, name) for name in _KEPT}
    left = figures.setdefault("left_open", [])
    figures["left_open"] = [*(one for one in left if one != entry), entry]


class LeftOpen:
    """The unfinished ones of one output."""

    def __init__(self, state: UploadState, spec: UploadOutput) -> None:
        self._state, self._spec = state, spec

    async def end(self, file: UploadedFile) -> bool:
        """Ends what is unfinished of a file; False if that is left for later."""
        keep(self._state.figures, file)
        return await self._end(self._state.figures["left_open"][-1:])

    async def end_kept(self) -> None:
        """Ends what was left before."""
        await self._end(self._state.figures.get("left_open", []))

    async def _end(self, entries: Sequence[dict[str, Any]]) -> bool:
        figures = self._state.figures
        ended = [one for one in entries if await self._abort(one)]
        left = [one for one in figures.pop("left_open", []) if one not in ended]
        if left:
            figures["left_open"] = left
        return len(ended) == len(entries)

    async def _abort(self, entry: dict[str, Any]) -> bool:
        try:
            target = await reachable_target(
                self._spec, fallback=entry["fallback"], trusted=self._state.row.trusted
            )
            async with http_client(target.client) as client:
                objects = Objects(target, client, Bandwidth(None))
                await objects.abort(_file_of(entry), entry["open_id"])
        except (HavenError, OSError) as error:
            log.warning("an upload is left open", at=entry["location"], error=str(error))
            return False
        return True


def _file_of(entry: dict[str, Any]) -> LocalFile:
    """What is needed of it to end its upload."""
    size: int = entry["size_bytes"]
    return LocalFile(path=Path(), size=size, sha256="", key=entry["key"], content_type="")
