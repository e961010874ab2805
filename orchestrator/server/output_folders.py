"""Where recordings go: the output directory, which folders are allowed, disk headroom."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Final

from orchestrator.catalog.store import Catalog
from orchestrator.file_access import make_folder
from orchestrator.media import Stream
from orchestrator.mediafiles import paths
from orchestrator.mediafiles.headroom import check_headroom
from orchestrator.settings import Settings

_CHOSEN: Final = "output_directory"
"""Name of the preference that outlives the server."""


class OutputFolders:
    """Output directories, checked before anything is written to them."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._settings, self._catalog = settings, catalog

    async def chosen(self) -> Path:
        """The folder chosen through the API, else the setting's."""
        chosen = await self._catalog.preference(_CHOSEN)
        return Path(chosen) if chosen else self._settings.output_directory

    async def choose(self, directory: str) -> Path:
        """Use this folder from now on; makes it when its parent exists."""
        folder_made = await asyncio.to_thread(
            paths.make_output_directory, directory, self._roots(), self._settings.file_access
        )
        await self._catalog.set_preference(_CHOSEN, str(folder_made))
        return folder_made

    async def for_request(self, requested: str | None) -> Path:
        """The folder that a request records to. Raises InvalidOutputDirectory with the reason."""
        if requested is not None:
            return await asyncio.to_thread(paths.check_output_directory, requested, self._roots())
        folder = await self.chosen()
        if folder == self._settings.output_directory:
            await asyncio.to_thread(make_folder, folder, self._settings.file_access)
        roots = [*self._roots(), folder]
        return await asyncio.to_thread(paths.check_output_directory, folder, roots)

    async def place(
        self, folder: Path, stream: Stream, when: datetime, extension: str, name: str | None = None
    ) -> paths.Place:
        """Reserve a file name: `name`, or one made of the stream and the time.

        Raises NotEnoughDisk without headroom for a recording.
        """
        await asyncio.to_thread(check_headroom, folder, self._settings.disk_reserve_bytes)
        if name is not None:
            return await asyncio.to_thread(paths.reserve_name, folder, name)
        return await asyncio.to_thread(paths.reserve, folder, stream, when, extension)

    def _roots(self) -> list[Path]:
        return [*self._settings.allowed_output_roots, self._settings.output_directory]
