"""Streams with names of their own while the server runs: added, removed, and read by its directory.

They are rows of the catalog, with sealed definitions. The command line changes them there, too, so
they are read again every few seconds.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Final, Literal

import structlog
from pydantic import ValidationError

from orchestrator.catalog.store import Catalog
from orchestrator.catalog.streams.model import AddedStream
from orchestrator.catalog.streams.table import AddedStreams
from orchestrator.discovery.configured import ConfiguredDiscovery
from orchestrator.e2ee_keys import revealed
from orchestrator.errors import NotAdded, StreamConfigured, StreamExists, Unavailable
from orchestrator.periodic import Periodic
from orchestrator.sealing import SealingKey
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from orchestrator.stream_ids import check_no_address, check_own_id

log = structlog.get_logger(__name__)

READ_S: Final = 3.0
"""Seconds between two looks at what the command line changed."""

BY_COMMAND: Final = "by_command"
"""Key of a sealed definition that no request gave; such a one may always have a url."""

DefinedBy = Literal["settings", "request"]


class NamedStreams:
    """What settings and requests define; the directory has all of it."""

    def __init__(self, settings: Settings, catalog: Catalog, named: ConfiguredDiscovery) -> None:
        self._settings, self._named = settings, named
        self._key = SealingKey(catalog.path)
        self._table = AddedStreams(catalog)
        self._rows: dict[str, str] = {}
        """The rows as they were read last."""
        self._changing = asyncio.Lock()
        self._reading = Periodic(
            self.read, READ_S, failure="can't read the added streams; trying again", at_once=False
        )
        self.discovery = named.name
        self.version = 0
        """Counts changes, for those who show the list."""

    async def open(self, *, follow: bool) -> None:
        """Reads what was added; with `follow` again and again."""
        await self.read()
        if follow:
            self._reading.open()

    async def close(self) -> None:
        """Reads no more."""
        await self._reading.close()

    def defined_by(self, id: str) -> DefinedBy | None:
        """Who defined a stream; None for one of another directory."""
        if id in self._settings.streams:
            return "settings"
        return "request" if id in self._rows else None

    def definition(self, id: str) -> StreamSettings | None:
        """What was said of a stream."""
        return self._named.definition(id)

    async def add(self, id: str, defined: StreamSettings, *, by_command: bool = False) -> None:
        """Adds a stream for this server and later ones.

        Raises InvalidRequest for an id that is an address or has no place in a path of the API,
        StreamExists, or TooManyStreams. `by_command`: on the command line, where any address may be
        named.
        """
        check_own_id(id)
        if id in self._settings.streams:
            raise StreamExists(id, "The settings define it: choose another id.")
        text = json.dumps(revealed(defined) | ({BY_COMMAND: True} if by_command else {}))
        async with self._changing:
            sealed = await asyncio.to_thread(self._key.seal, text)
            await self._table.add(AddedStream(id=id, definition=sealed, created_at=_now()))
            self._put(id, sealed, defined, by_command=by_command)
            log.info("stream added", stream=id)

    async def remove(self, id: str) -> None:
        """Removes an added stream; StillActive, NotAdded, StreamConfigured if settings have it."""
        if id in self._settings.streams:
            raise StreamConfigured(id)
        async with self._changing:
            try:
                await self._table.remove(id)
            except NotAdded:
                await self._forget(id)
                check_no_address(id)
                raise
            await self._forget(id)
            log.info("stream removed", stream=id)

    async def read(self) -> None:
        """Takes in what was added or removed by others."""
        async with self._changing:
            rows = await self._table.all()
            for id in [id for id in self._rows if id not in rows]:
                await self._forget(id)
            for id, sealed in rows.items():
                if self._rows.get(id) != sealed:
                    defined, by_command = await asyncio.to_thread(self._unsealed, id, sealed)
                    if id in self._rows and defined != self._named.definition(id):
                        await self._forget(id)  # removed, and added in another way
                    self._put(id, sealed, defined, by_command=by_command)

    def _put(
        self, id: str, sealed: str, defined: StreamSettings | None, *, by_command: bool
    ) -> None:
        self._rows[id] = sealed
        self.version += 1
        if defined is not None and id not in self._settings.streams:
            allowed = defined.url is None or by_command or self._settings.allow_url_streams
            self._named.put(id, defined, allowed=allowed)

    async def _forget(self, id: str) -> None:
        if self._rows.pop(id, None) is not None:
            self.version += 1
            if id not in self._settings.streams:
                await self._named.remove(id)

    def _unsealed(self, id: str, sealed: str) -> tuple[StreamSettings | None, bool]:
        """The definition, and whether the command line gave it.

        None, and a line in the log, if this server can't use it.
        """
        try:
            fields = json.loads(self._key.unseal(sealed))
            by_command = fields.pop(BY_COMMAND, False)
            return StreamSettings(**fields), by_command
        except Unavailable as error:
            log.error("an added stream can't be used", stream=id, error=str(error))
        except ValidationError:  # it may have what this version doesn't know
            log.error("an added stream can't be used", stream=id, error="unknown definition")
        return None, False


def _now() -> datetime:
    return datetime.now(UTC)
