"""Sidecars of one recording, for who writes them.

While it is recorded they lie in the work folder, `sidecars` in it; with the recording's file they
get beside it (`publishing`), and what is written later is put there at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from orchestrator.catalog.models import Recording
from orchestrator.catalog.sidecars.model import SidecarFile
from orchestrator.catalog.sidecars.table import SidecarFiles
from orchestrator.catalog.store import Catalog
from orchestrator.errors import HavenError
from orchestrator.file_access import FileAccess, give, make_file, make_folder
from orchestrator.mediafiles.links import link, numbered, sync_folder
from orchestrator.recordings.sidecars.names import SidecarKind, ending, name_of

FOLDER: Final = "sidecars"
"""In the work folder."""


def sidecar_folder(recording: Recording) -> Path:
    """Where those lie that aren't beside the recording's file yet."""
    return Path(recording.work_directory) / FOLDER


class Sidecars:
    """Writes sidecars of a recording and says in the catalog where they lie.

    `recording` is as its worker, or the catalog, has it now; OSError if one can't be written,
    Unavailable if the catalog can't: the file is there then, and the next write lists it.
    """

    def __init__(self, catalog: Catalog, recording: Recording, access: FileAccess) -> None:
        self._recording, self._access = recording, access
        self._table = SidecarFiles(catalog)

    async def begin(self, kind: SidecarKind) -> Path:
        """A file that the caller appends to, in the work folder; what an earlier worker has
        written stays.
        """
        path = sidecar_folder(self._recording) / ending(kind)
        await asyncio.to_thread(_make, path, self._access)
        await self.appended(kind)
        return path

    async def appended(self, kind: SidecarKind) -> None:
        """Says how large a growing file is now."""
        path = sidecar_folder(self._recording) / ending(kind)
        size_bytes = (await asyncio.to_thread(path.stat)).st_size
        name = name_of(Path(self._recording.output_path), ending(kind))
        await self._put(kind, name, path, size_bytes=size_bytes)

    async def write(
        self,
        kind: SidecarKind,
        data: bytes,
        *,
        file_ending: str | None = None,
        at_s: float | None = None,
    ) -> SidecarFile:
        """A whole file in the work folder, which takes the place of the one before.

        `file_ending`: where it isn't its kind's, as of images.
        """
        file_ending = file_ending or ending(kind)
        path = sidecar_folder(self._recording) / file_ending
        digest = await asyncio.to_thread(_replace, path, data, self._access)
        name = name_of(Path(self._recording.output_path), file_ending)
        return await self._put(kind, name, path, size_bytes=len(data), sha256=digest, at_s=at_s)

    async def write_beside(self, kind: SidecarKind, data: bytes) -> SidecarFile:
        """A whole file beside the recording's, which is final; our own of before is replaced."""
        output = Path(self._recording.output_path)
        earlier = await self._table.of_recording(self._recording.id, kind)
        mine = [Path(row.path) for row in earlier if Path(row.path).parent == output.parent]
        path, digest = await asyncio.to_thread(
            _place, output, ending(kind), data, self._access, mine[0] if mine else None
        )
        for row in earlier:
            if row.name != path.name:
                await self._table.remove(row.recording_id, row.name)
        return await self._put(kind, path.name, path, size_bytes=len(data), sha256=digest)

    async def _put(
        self,
        kind: SidecarKind,
        name: str,
        path: Path,
        *,
        size_bytes: int,
        sha256: str | None = None,
        at_s: float | None = None,
    ) -> SidecarFile:
        row = SidecarFile(
            recording_id=self._recording.id,
            name=name,
            kind=kind.value,
            path=str(path),
            size_bytes=size_bytes,
            sha256=sha256,
            at_s=at_s,
            made_at=datetime.now(UTC),
        )
        await self._table.put(row)
        return row


def _make(path: Path, access: FileAccess) -> None:
    make_folder(path.parent, access)
    make_file(path, access)


def _replace(path: Path, data: bytes, access: FileAccess) -> str:
    """Who reads the file meanwhile has the one before, whole."""
    make_folder(path.parent, access)
    _write(aside := path.with_name(f".{path.name}.new"), data, access)
    aside.replace(path)
    return hashlib.sha256(data).hexdigest()


def _write(path: Path, data: bytes, access: FileAccess) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    give(path, access)


def _place(
    output: Path, file_ending: str, data: bytes, access: FileAccess, mine: Path | None
) -> tuple[Path, str]:
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".new", dir=output.parent)
    aside, digest = Path(name), hashlib.sha256(data).hexdigest()
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        give(aside, access)
        if mine is not None and mine.is_file():
            return aside.replace(mine), digest
        for base in numbered(output):
            target = base.with_name(name_of(base, file_ending))
            if link(aside, target):
                sync_folder(target.parent)
                return target, digest
    finally:
        aside.unlink(missing_ok=True)
    raise HavenError(
        f"Every name like {name_of(output, file_ending)} is taken.", "Record to another folder."
    )
