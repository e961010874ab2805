"""Files at upload targets in memory: rows and places that a test added."""

from __future__ import annotations

from pathlib import Path

from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.errors import UploadedFileNotFound


class MemoryUploads:
    """The protocol's Uploads."""

    def __init__(self) -> None:
        self.rows: list[UploadedFile] = []
        self.places: dict[str, str | Path] = {}
        """By name."""

    async def of_recording(self, recording_id: str) -> list[UploadedFile]:
        """Those that were added, of whatever recording."""
        return self.rows

    async def place(self, recording_id: str, name: str) -> str | Path:
        """As the test says."""
        if name not in self.places:
            raise UploadedFileNotFound(recording_id, name)
        return self.places[name]

    async def playlist(self, recording_id: str, name: str) -> bytes:
        """What the place has, of those in folders."""
        place = await self.place(recording_id, name)
        assert isinstance(place, Path)
        return place.read_bytes()

    async def place_of_part(self, recording_id: str, part: int) -> str | Path | None:
        """Likewise."""
        return next((self.places[row.name] for row in self.rows if row.part == part), None)

    async def is_removed(self, recording_id: str, part: int) -> bool:
        """As the rows say."""
        return any(row.part == part and row.removed_at is not None for row in self.rows)
