"""Where recordings go: the chosen output directory, what is allowed, and room on the disk."""

from __future__ import annotations

import asyncio
import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

from orchestrator.catalog import paths
from orchestrator.catalog.store import Catalog
from orchestrator.errors import NotEnoughDisk
from orchestrator.media import Stream
from orchestrator.settings import Settings

_CHOSEN: Final = "output_directory"
"""Name of the preference that outlives the server."""


class Folders:
    """Output directories, checked before anything is written."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._settings, self._catalog = settings, catalog

    async def chosen(self) -> Path:
        """The folder chosen through the API, else the setting's."""
        chosen = await self._catalog.preference(_CHOSEN)
        return Path(chosen) if chosen else self._settings.output_directory

    async def choose(self, directory: str) -> Path:
        """Use this folder from now on; makes it when its parent exists."""
        made = await asyncio.to_thread(paths.make_output_directory, directory, self._roots())
        await self._catalog.set_preference(_CHOSEN, str(made))
        return made

    async def for_request(self, asked: str | None) -> Path:
        """The folder a request records to; InvalidOutputDirectory says what is wrong with it."""
        if asked is not None:
            return await asyncio.to_thread(paths.check_output_directory, asked, self._roots())
        folder = await self.chosen()
        if folder == self._settings.output_directory:
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        roots = [*self._roots(), folder]
        return await asyncio.to_thread(paths.check_output_directory, folder, roots)

    async def place(
        self, folder: Path, stream: Stream, when: datetime, extension: str
    ) -> paths.Place:
        """Reserve a file name; NotEnoughDisk when less than the reserve is free."""
        await asyncio.to_thread(self._check_room, folder)
        return await asyncio.to_thread(paths.reserve, folder, stream, when, extension)

    def _check_room(self, folder: Path) -> None:
        free, reserve = shutil.disk_usage(folder).free, self._settings.disk_reserve_bytes
        if free < reserve:
            raise NotEnoughDisk(
                f"Only {free // 2**20} MiB are free in {folder}, {reserve // 2**20} MiB are kept.",
                "Free some space, choose another output directory, or lower disk_reserve_bytes.",
            )

    def _roots(self) -> list[Path]:
        return [*self._settings.allowed_output_roots, self._settings.output_directory]
