"""Brings sidecars from the work folder beside the recording's file.

Each gets a second name there by link(2) before the catalog knows of it, and loses the first one
after that: whoever dies in between leaves something that the next one recognizes as its own. What
somebody else has at that name stays, and the sidecar is numbered, as files of recordings are.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from errno import EEXIST
from pathlib import Path

from orchestrator.catalog.models import Recording
from orchestrator.catalog.sidecars.model import SidecarFile
from orchestrator.catalog.sidecars.table import SidecarFiles
from orchestrator.catalog.store import Catalog
from orchestrator.file_access import FileAccess, give, make_folder
from orchestrator.mediafiles.links import link, numbered, sync, sync_folder
from orchestrator.recordings.sidecars.files import sidecar_folder
from orchestrator.recordings.sidecars.names import IMAGES, SidecarKind, image_at_s, name_of


@dataclass(slots=True)
class Published:
    """What became of a recording's sidecars."""

    moved: dict[str, SidecarFile] = field(default_factory=dict)
    """Their rows as they are now, by the names of before."""
    lost: list[str] = field(default_factory=list)
    """Names of those that somebody has deleted."""
    problems: list[str] = field(default_factory=list)
    """Of those that are kept in the work folder."""


async def publish_sidecars(
    catalog: Catalog, recording: Recording, output: Path, access: FileAccess
) -> Published:
    """All that lie in the work folder get beside `output`, the recording's file.

    Unavailable if the catalog can't be written to: the files are in both places then.
    """
    table, folder = SidecarFiles(catalog), sidecar_folder(recording)
    rows = await table.of_recording(recording.id)
    unlisted = await asyncio.to_thread(_unlisted_images, recording, rows)
    await table.move(recording.id, {row.name: row for row in unlisted})
    rows += unlisted
    waiting = [row for row in rows if Path(row.path).is_relative_to(folder)]
    if not waiting:
        return Published()
    ours = {Path(row.path).parent for row in rows if row not in waiting}
    publishing = _Publishing(folder, output, access, ours)
    published = await asyncio.to_thread(publishing.publish, waiting)
    await table.move(recording.id, published.moved)
    for name in published.lost:
        await table.remove(recording.id, name)
    await asyncio.to_thread(publishing.remove_sources)
    return published


async def forget_unpublished(catalog: Catalog, recording: Recording) -> None:
    """The work folder is removed with what is in it: no file ever came of the recording."""
    await SidecarFiles(catalog).forget_below(recording.id, sidecar_folder(recording))


def remove_sidecars(paths: Sequence[Path]) -> None:
    """Deletes files, and their own folders where nothing else is in them. Blocking; OSError."""
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths if path.parent.name.endswith(f".{IMAGES}")}:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


class _Publishing:
    """One recording's. Blocking."""

    def __init__(
        self, folder: Path, output: Path, access: FileAccess, ours: Collection[Path]
    ) -> None:
        """`ours`: folders where files of ours lie already."""
        self._folder, self._output, self._access = folder, output, access
        self._folders = {output.parent, *(one for one in ours if one.is_dir())}
        self._sources: list[Path] = []
        self._published = Published()

    def publish(self, rows: Sequence[SidecarFile]) -> Published:
        """Those that name others come last, as they are to name them right."""
        for row in sorted(rows, key=lambda row: (row.kind == SidecarKind.SPRITE_VTT, row.name)):
            try:
                self._one(row)
            except FileNotFoundError:
                self._published.lost.append(row.name)
            except OSError as error:
                self._published.problems.append(f"{row.name}: {error.strerror or error}")
        for folder in self._folders:
            sync_folder(folder)
        return self._published

    def remove_sources(self) -> None:
        """What the catalog knows beside the file isn't needed in the work folder."""
        if not self._published.problems:
            shutil.rmtree(self._folder, ignore_errors=True)
        for source in self._sources:
            source.unlink(missing_ok=True)

    def _one(self, row: SidecarFile) -> None:
        source = Path(row.path)
        if source.is_file():
            if row.kind == SidecarKind.SPRITE_VTT:
                self._correct_names(source)
            give(source, self._access)
            if row.kind != SidecarKind.IMAGE:  # one of many, which the disk has for long
                sync(source)
        target = self._linked(source, row.size_bytes)
        size_bytes = target.stat().st_size
        as_it_was = size_bytes == row.size_bytes and row.kind != SidecarKind.SPRITE_VTT
        self._published.moved[row.name] = SidecarFile(
            recording_id=row.recording_id,
            name=target.relative_to(self._output.parent).as_posix(),
            kind=row.kind,
            path=str(target),
            size_bytes=size_bytes,
            sha256=row.sha256 if as_it_was else None,
            at_s=row.at_s,
            made_at=row.made_at,
        )
        self._sources.append(source)

    def _linked(self, source: Path, size_bytes: int) -> Path:
        """Where it lies beside the recording's file now."""
        ending, there = source.relative_to(self._folder).as_posix(), source.is_file()
        for base in numbered(self._output):
            target = base.parent / name_of(base, ending)
            if _is_ours(source, target, size_bytes):
                self._folders.add(target.parent)
                return target
            if not there:
                if not os.path.lexists(target):
                    raise FileNotFoundError(source)
            elif self._may_use(target.parent) and link(source, target):
                return target
        raise FileExistsError(EEXIST, "every name like it is taken")

    def _may_use(self, folder: Path) -> bool:
        """A folder of images is ours if we have made it, or nothing is in it."""
        if folder not in self._folders:
            if os.path.lexists(folder) and (
                folder.is_symlink() or not folder.is_dir() or any(folder.iterdir())
            ):
                return False
            make_folder(folder, self._access)
            self._folders.add(folder)
        return True

    def _correct_names(self, path: Path) -> None:
        """In WebVTT: of sidecars that have other names now."""
        text = before = path.read_text("utf-8")
        for name, row in self._published.moved.items():
            if name != row.name:
                text = text.replace(f"\n{name}#", f"\n{row.name}#")
        if text == before:
            return
        aside = path.with_name(f".{path.name}.new")
        aside.write_text(text, "utf-8")
        aside.replace(path)


def _unlisted_images(recording: Recording, rows: Sequence[SidecarFile]) -> list[SidecarFile]:
    """Those that the catalog was too busy to list when they were written. Blocking."""
    folder = sidecar_folder(recording)
    listed = {row.path for row in rows}
    return [
        _image_row(recording, path, at_s)
        for path in sorted((folder / IMAGES).glob("[0-9]*.*"))
        if str(path) not in listed and (at_s := image_at_s(path)) is not None
    ]


def _image_row(recording: Recording, path: Path, at_s: float) -> SidecarFile:
    there = path.stat()
    return SidecarFile(
        recording_id=recording.id,
        name=name_of(Path(recording.output_path), f"{IMAGES}/{path.name}"),
        kind=SidecarKind.IMAGE,
        path=str(path),
        size_bytes=there.st_size,
        sha256=None,
        at_s=at_s,
        made_at=datetime.fromtimestamp(there.st_mtime, UTC),
    )


def _is_ours(source: Path, target: Path, size_bytes: int) -> bool:
    """Whether an earlier try brought it there."""
    try:
        there = target.lstat()
    except OSError:
        return False
    try:
        return os.path.samestat(there, source.lstat())
    except FileNotFoundError:  # moved, where there are no hard links
        return stat.S_ISREG(there.st_mode) and there.st_size == size_bytes
