"""Waits, after a recording of `orchestrator record`, for its uploads, and says how they went."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.cli.formatting import size
from orchestrator.recordings.output_states import ENDED, OutputState

LOOK_S: Final = 0.5
SAY_S: Final = 5.0
PATIENCE: Final = 4
"""Tries of an upload that fail until the command ends without it."""


class Outputs(Protocol):
    """The part of the manager's outputs that is used."""

    async def of_recording(self, recording_id: str) -> list[OutputRow]: ...


class UploadWait:
    """The uploads of one recording."""

    def __init__(self, outputs: Outputs, recording_id: str, say: Callable[[str], None]) -> None:
        self._outputs, self._id, self._say = outputs, recording_id, say
        self._said = ""
        self._quiet_s = 0.0

    async def run(self) -> bool:
        """Whether all of them are complete, once they are or won't be soon."""
        while _are_awaited(rows := await self._uploads()):
            self._show(rows)
            await asyncio.sleep(LOOK_S)
        for row in rows:
            self._say(_ended(row))
        return all(row.state in (OutputState.COMPLETE, OutputState.REMOVED) for row in rows)

    async def _uploads(self) -> list[OutputRow]:
        rows = await self._outputs.of_recording(self._id)
        return [row for row in rows if row.kind == "upload"]

    def _show(self, rows: Sequence[OutputRow]) -> None:
        text = "; ".join(_line(row) for row in rows if row.state not in ENDED)
        self._quiet_s += LOOK_S
        if self._said == "" or (text != self._said and self._quiet_s >= SAY_S):
            self._said, self._quiet_s = text, 0.0
            self._say(text)


def _are_awaited(rows: Sequence[OutputRow]) -> bool:
    going_on = [row for row in rows if row.state not in ENDED and not _is_given_up(row)]
    if any(map(_is_given_up, rows)):  # others may wait for it, to delete the file here
        return not all(map(_waits, going_on))
    return bool(going_on)


def _is_given_up(row: OutputRow) -> bool:
    return row.state == OutputState.RETRYING and row.figures.get("tries", 0) >= PATIENCE


def _waits(row: OutputRow) -> bool:
    """All of it is there, but the file here is still needed."""
    return row.state == OutputState.ACTIVE and row.next_try_at is not None


def _line(row: OutputRow) -> str:
    where, figures = row.shown.get("url"), row.figures
    if row.error:
        return f"Uploading to {where}: {row.error} Trying again ..."
    if "bytes_total" not in figures:
        return f"Uploading to {where} ..."
    done, total = figures.get("bytes_uploaded"), figures.get("bytes_total")
    return f"Uploading to {where}: {size(done)} of {size(total)} ... (Ctrl-C: without waiting)"


def _ended(row: OutputRow) -> str:
    where = row.figures.get("location") or row.shown.get("url")
    if row.state == OutputState.COMPLETE:
        files = f"{row.figures.get('files')} files and a manifest.{_why_there(row)}"
        return f"Uploaded to {where}: {files}"
    if _waits(row):
        return f"Uploaded to {where}; the file here is kept while another upload needs it."
    if row.state == OutputState.REMOVED:
        return f"The upload to {where} was removed."
    later = " `orchestrator serve` goes on with it." if row.state == OutputState.RETRYING else ""
    return f"Not uploaded to {where}: {row.error} {row.detail or ''}{later}".strip()


def _why_there(row: OutputRow) -> str:
    """What was wrong with the first target, where they are at the second."""
    if not row.figures.get("fallback_used"):
        return ""
    return f" It is the second target: {row.figures.get('fallback_reason')}"
