"""Text with secrets, sealed for the catalog and unsealed; off the event loop."""

from __future__ import annotations

import asyncio

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.store import Catalog
from orchestrator.outputs.specs import Output, read_output
from orchestrator.sealing import SealingKey


async def seal(catalog: Catalog, text: str) -> str:
    """The text, sealed; Unavailable if it can't be."""
    return await asyncio.to_thread(SealingKey(catalog.path).seal, text)


async def unseal(catalog: Catalog, sealed: str) -> str:
    """What was sealed; Unavailable if the catalog's key for secrets is gone."""
    return await asyncio.to_thread(SealingKey(catalog.path).unseal, sealed)


async def output_of(catalog: Catalog, row: OutputRow) -> Output:
    """What was asked for with an output; Unavailable likewise."""
    return read_output(await unseal(catalog, row.spec))
