"""Measured encoding costs, by machine."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from orchestrator.catalog.costs.model import Cost
from orchestrator.catalog.store import Catalog


class CostTable:
    """The catalog's table of encoding costs."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def of(self, machine: str) -> list[Cost]:
        """The costs measured on this machine."""
        query = select(Cost).where(Cost.machine == machine)
        return await self._catalog.transactions.read(lambda session: list(session.scalars(query)))

    async def put(self, cost: Cost) -> None:
        """Stores a measurement, replacing an earlier one."""

        def put(session: Session) -> None:
            session.merge(cost)

        await self._catalog.transactions.write(put)
