"""Pieces for HLS that are at targets, as the catalog has them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.statements import changed
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.model import UploadedPiece

_AT_ONCE = 500
"""Names of one statement."""


class UploadedPieces:
    """The table. Every method is one short transaction, but `forget`, which may be several."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def sizes(self, output_id: str, *, fallback: bool) -> dict[str, int]:
        """Bytes by name of what an output has at one of its targets."""
        query = select(UploadedPiece.name, UploadedPiece.size_bytes).where(
            UploadedPiece.output_id == output_id, UploadedPiece.fallback == fallback
        )
        rows = await self._catalog.transactions.read(lambda session: session.execute(query).all())
        return {name: size for name, size in rows}

    async def sha256s(self, output_id: str, *, fallback: bool) -> dict[str, str]:
        """SHA-256 in hexadecimal by name of what an output has at one of its targets."""
        query = select(UploadedPiece.name, UploadedPiece.sha256).where(
            UploadedPiece.output_id == output_id, UploadedPiece.fallback == fallback
        )
        rows = await self._catalog.transactions.read(lambda session: session.execute(query).all())
        return {name: digest.hex() for name, digest in rows}

    async def get(self, output_id: str, name: str) -> UploadedPiece | None:
        """One that has arrived."""
        return await self._catalog.transactions.read(
            lambda session: session.get(UploadedPiece, (output_id, name))
        )

    async def add(self, piece: UploadedPiece) -> bool:
        """Adds one that has arrived, instead of one at the other target; False if its output is
        gone.
        """

        def put(session: Session) -> bool:
            if session.get(OutputRow, piece.output_id) is None:
                return False
            session.merge(piece)
            return True

        return await self._catalog.transactions.write(put)

    async def forget(self, output_id: str, names: Sequence[str]) -> None:
        """Removes the rows of what isn't there any more."""
        for at in range(0, len(names), _AT_ONCE):
            await self._forget(output_id, names[at : at + _AT_ONCE])

    async def _forget(self, output_id: str, names: Collection[str]) -> None:
        gone = delete(UploadedPiece).where(
            UploadedPiece.output_id == output_id, UploadedPiece.name.in_(names)
        )
        await self._catalog.transactions.write(lambda session: changed(session, gone))
