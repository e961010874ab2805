"""What HLS had of segments that were joined, as the catalog has it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from orchestrator.catalog.hls_runs.model import HlsRun
from orchestrator.catalog.store import Catalog


class HlsRuns:
    """The table."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def put(self, runs: Sequence[HlsRun]) -> None:
        """Adds them, or replaces those of the same segments."""

        def put(session: Session) -> None:
            for run in runs:
                session.merge(run)

        await self._catalog.transactions.write(put)
