"""How many uploads go on at once, and to which targets: one that hangs leaves room for others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.store import Catalog
from orchestrator.errors import Unavailable
from orchestrator.outputs.specs import UploadOutput
from orchestrator.recordings.encryption.sealed_text import output_of
from orchestrator.recordings.output_states import OutputState
from orchestrator.recordings.states import ACTIVE
from orchestrator.uploads.rows import slot_of

AT_ONCE: Final = 8
"""Uploads at a time,"""
OF_ONE_TARGET: Final = 3
"""of them to the same bucket or folder,"""
FAILED_LAST: Final = 5
"""and of those whose last try failed."""
LIVE: Final = 64
"""Recordings besides them whose pieces for HLS are followed while they run: each has a piece in
memory, and nothing else."""


class Slots:
    """Who has one."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._held: dict[str, tuple[str, bool]] = {}
        """By output: its target, and whether its last try failed."""
        self._live: set[str] = set()
        self._targets: dict[tuple[str, bool], str] = {}
        """By output and whether it is at its second target."""

    async def take(self, row: OutputRow) -> bool:
        """Whether the upload may begin."""
        if await self._is_live(row):
            if len(self._live) < LIVE:
                self._live.add(row.id)
            return row.id in self._live
        failed = row.state == OutputState.RETRYING
        if len(self._held) >= AT_ONCE:
            return False
        if failed and sum(held for _, held in self._held.values()) >= FAILED_LAST:
            return False
        target = await self._target(row)
        if sum(held == target for held, _ in self._held.values()) >= OF_ONE_TARGET:
            return False
        self._held[row.id] = (target, failed)
        return True

    def free(self, id: str) -> None:
        """It has ended."""
        self._held.pop(id, None)
        self._live.discard(id)

    def forget_but(self, due: Sequence[OutputRow]) -> None:
        """The targets of others aren't kept in memory."""
        ids = {row.id for row in due}
        self._targets = {key: name for key, name in self._targets.items() if key[0] in ids}

    async def _is_live(self, row: OutputRow) -> bool:
        if not row.shown.get("hls") or row.wanted == "remove":
            return False
        return (await self._catalog.get(row.recording_id)).state in ACTIVE

    async def _target(self, row: OutputRow) -> str:
        key = (row.id, bool(row.figures.get("fallback_used")))
        if key not in self._targets:
            self._targets[key] = await self._named(row, fallback=key[1])
        return self._targets[key]

    async def _named(self, row: OutputRow, *, fallback: bool) -> str:
        try:
            spec = await output_of(self._catalog, row)
        except (Unavailable, ValidationError):  # it fails as soon as it begins
            return row.id
        assert isinstance(spec, UploadOutput)
        return slot_of(spec, fallback=fallback)
