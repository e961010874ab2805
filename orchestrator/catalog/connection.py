"""The catalog's connection to its database: opening it, and the transactions of its tables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Delete, Update
from sqlalchemy.orm import Session

from orchestrator.catalog import database
from orchestrator.catalog.database_threads import Transactions
from orchestrator.catalog.statements import changed, translated
from orchestrator.file_access import FileAccess

_T = TypeVar("_T")


class CatalogConnection:
    """The shared database. Several processes may each have one open on the same file."""

    def __init__(self, database_url: str, access: FileAccess = "private") -> None:
        self.path = database.database_path(database_url)
        self._access = access
        self._transactions: Transactions | None = None

    async def open(self, *, migrate: bool) -> None:
        """Opens the database; with `migrate` creates it or brings it up to date first.

        SettingsError if it can't be opened or has a schema this program doesn't know.
        """
        await asyncio.to_thread(database.prepare, self.path, migrate=migrate, access=self._access)
        self._transactions = Transactions(self.path)

    async def close(self) -> None:
        """Returns when earlier calls are done and everything is closed; may be called again."""
        transactions, self._transactions = self._transactions, None
        if transactions is not None:
            await transactions.close()

    async def _change(self, statement: Update | Delete, *, about: str) -> int:
        """Executes one statement; returns how many rows it changed."""
        return await self._write(lambda session: changed(session, statement), about=about)

    async def _read(self, work: Callable[[Session], _T]) -> _T:
        return await self.transactions.read(work)

    async def _write(self, work: Callable[[Session], _T], *, about: str, **options: bool) -> _T:
        """A transaction that writes; `about` is the stream or recording that errors name."""
        with translated(about):
            return await self.transactions.write(work, **options)

    @property
    def transactions(self) -> Transactions:
        """The transactions, also for the tables that have modules of their own."""
        if self._transactions is None:
            raise RuntimeError("the catalog isn't open")
        return self._transactions
