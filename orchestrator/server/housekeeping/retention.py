"""Deletes recordings that are too old, or the oldest when they are too large together.

Off unless `retention_days` or `retention_bytes` is set. Only files that we made and nobody has
changed are deleted: every final file of the recording lies where the catalog says, is a regular
file and has the size in the catalog, and so does every sidecar; the work folder, if there is one,
holds only kept segments of a failed recording or an incomplete file, and kept sidecars. A recording
of which something was moved, changed or added is left alone, and so is one that is recorded or
encoded again; what encodes made of it goes with it. Each deletion is a log line with its reason;
files and row go together, as with DELETE /api/recordings/{id}.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from orchestrator.catalog.encodes import Encodes, MadeFile
from orchestrator.catalog.ended_recordings import EndedRecordings
from orchestrator.catalog.models import Recording
from orchestrator.catalog.sidecars.table import SidecarFiles
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError
from orchestrator.periodic import Periodic
from orchestrator.recordings.sidecars.files import FOLDER
from orchestrator.recordings.sidecars.publishing import remove_sidecars
from orchestrator.recordings.states import FINAL
from orchestrator.server.housekeeping.cleanup import ended_recordings, is_work_folder
from orchestrator.settings import Settings

log = structlog.get_logger(__name__)

PERIOD_S: Final = 600.0
"""Between two rounds."""

_OURS: Final = re.compile(r"(\d{4,}|joined\d+|worker)\.\w.*|ballast")
"""Names in a work folder: segments, files made of them, the logs of both, the ballast."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording that has ended and whose files nobody has changed."""

    id: str
    ended_at: datetime
    paths: tuple[Path, ...]
    sidecars: tuple[Path, ...]
    work: Path
    """Its work folder, which is there only if segments had to be kept."""
    size_bytes: int
    """Of files, sidecars and segments."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How long and how much is kept; None is without limit."""

    age: timedelta | None = None
    size_bytes: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> Rule:
        """What the settings say."""
        days = settings.retention_days
        return cls(None if days is None else timedelta(days=days), settings.retention_bytes)

    @property
    def is_on(self) -> bool:
        """Whether anything is ever deleted."""
        return self.age is not None or self.size_bytes is not None

    def outdated(self, kept: Iterable[Kept], now: datetime) -> list[tuple[Kept, str]]:
        """The recordings to delete, the oldest first, each with its reason."""
        oldest_first = sorted(kept, key=lambda one: one.ended_at)
        left = sum(one.size_bytes for one in oldest_first)
        outdated = []
        for one in oldest_first:
            if self.age is not None and now - one.ended_at > self.age:
                reason = f"older than {self.age / timedelta(days=1):g} days"
            elif self.size_bytes is not None and left > self.size_bytes:
                reason = f"recordings take {left} bytes, retention_bytes is {self.size_bytes}"
            else:
                break  # those after it are younger, and all together within the limit
            outdated.append((one, reason))
            left -= one.size_bytes
        return outdated


class Retention:
    """Deletes outdated recordings every ten minutes, from `open` to `close`."""

    def __init__(self, rule: Rule, catalog: Catalog) -> None:
        self._rule, self._catalog = rule, catalog
        self._rounds = Periodic(
            self._round, PERIOD_S, failure="retention failed; the next round tries again"
        )

    def open(self) -> None:
        """Begin, if the rule is on."""
        if self._rule.is_on:
            self._rounds.open()

    async def close(self) -> None:
        """Stop."""
        await self._rounds.close()

    async def round(self, now: datetime) -> list[str]:
        """Deletes outdated recordings; returns their ids."""
        kept = [
            one
            for state in FINAL
            async for row in ended_recordings(self._catalog, state)
            if (one := await self._kept(row))
        ]
        outdated = self._rule.outdated(kept, now)
        return [one.id for one, reason in outdated if await self._delete(one, reason)]

    async def _delete(self, one: Kept, reason: str) -> bool:
        """False if it can't be deleted now, or somebody else just did."""
        bound = log.bind(recording=one.id, reason=reason, files=[str(path) for path in one.paths])
        try:
            await asyncio.to_thread(_remove, one)
            await self._catalog.delete(one.id)
        except (HavenError, OSError) as error:
            bound.warning("recording not deleted", error=str(error))
            return False
        bound.info("recording deleted", size_bytes=one.size_bytes)
        return True

    async def _round(self) -> None:
        await self.round(datetime.now(UTC))

    async def _kept(self, recording: Recording) -> Kept | None:
        if await EndedRecordings(self._catalog).is_replaced(recording):
            return None
        encodes = Encodes(self._catalog)
        if await encodes.active_of(recording.id) is not None:
            return None
        files = [
            MadeFile(Path(file.path), file.size_bytes)
            for file in await self._catalog.files(recording.id)
        ]
        files += await encodes.made_files(recording.id)
        work = Path(recording.work_directory)
        sidecars = [
            MadeFile(Path(row.path), row.size_bytes)
            for row in await SidecarFiles(self._catalog).of_recording(recording.id)
            if not Path(row.path).is_relative_to(work)
        ]
        size_bytes = await asyncio.to_thread(_size_as_made, files + sidecars, work)
        if recording.ended_at is None or not size_bytes:
            return None
        paths = tuple(file.path for file in files)
        return Kept(
            id=recording.id,
            ended_at=recording.ended_at,
            paths=paths,
            sidecars=tuple(sidecar.path for sidecar in sidecars),
            work=work,
            size_bytes=size_bytes,
        )


def _size_as_made(files: list[MadeFile], work: Path) -> int | None:
    """Bytes of files and segments; None if anything isn't as we made it."""
    if not all(_is_as_made(file.path, file.size_bytes) for file in files):
        return None
    inside = [*_inside(work)] if is_work_folder(work) else []
    if not all(_is_ours(work, path) and _is_file(path.lstat()) for path in inside):
        return None
    return sum(file.size_bytes for file in files) + sum(path.stat().st_size for path in inside)


def _inside(work: Path) -> Iterator[Path]:
    """What isn't a folder in a work folder; sidecars have folders there."""
    for path in work.rglob("*"):
        if path.is_symlink() or not path.is_dir() or path.relative_to(work).parts[0] != FOLDER:
            yield path


def _is_ours(work: Path, path: Path) -> bool:
    below = path.relative_to(work)
    return below.parts[0] == FOLDER or bool(_OURS.fullmatch(below.name) and len(below.parts) == 1)


def _is_as_made(path: Path, size_bytes: int) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return _is_file(status) and status.st_size == size_bytes


def _is_file(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode)


def _remove(one: Kept) -> None:
    for path in one.paths:
        path.unlink(missing_ok=True)
    remove_sidecars(one.sidecars)
    if is_work_folder(one.work):
        shutil.rmtree(one.work, ignore_errors=True)
