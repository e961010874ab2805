"""The catalog: everything that the server and the workers share.

Every method is one short transaction. What it returns is loaded in full and no longer bound to the
database. Errors: RecordingNotFound, AlreadyActive, and Unavailable when the database can't be used.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from orchestrator.catalog.event_tables import EventTables
from orchestrator.catalog.file_tables import FileTables
from orchestrator.catalog.models import Preference
from orchestrator.catalog.recording_table import RecordingTable


class Catalog(RecordingTable, FileTables, EventTables):
    """The tables of recordings, files and events, and the user's preferences."""

    async def preference(self, key: str) -> str | None:
        """The value stored for `key`."""
        query = select(Preference.value).where(Preference.key == key)
        return await self._read(lambda session: session.scalar(query))

    async def set_preference(self, key: str, value: str) -> None:
        """Stores a value for `key`."""
        preference = Preference(key=key, value=value)
        await self._write(lambda session: session.merge(preference), about=key)

    async def check(self) -> None:
        """Writes and reads a value; Unavailable if it can't."""
        await self.set_preference("checked_at", datetime.now(UTC).isoformat())
        await self.preference("checked_at")
