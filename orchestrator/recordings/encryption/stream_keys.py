"""The keys of an end-to-end encrypted stream: which they are, and how its row has them, sealed."""

from __future__ import annotations

import asyncio

from orchestrator.catalog.store import Catalog
from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.sealing import SealingKey
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings


def keys_of(
    requested: E2eeKeys | None, settings: Settings, defined: StreamSettings | None
) -> E2eeKeys | None:
    """Those of the request, else of the stream's definition, else of all streams; None if none are
    given.
    """
    if requested is not None:
        return requested
    own = None if defined is None else defined.e2ee
    return settings.e2ee if own is None else own


async def sealed(catalog: Catalog, keys: E2eeKeys | None) -> str | None:
    """The keys for a row; Unavailable if they can't be sealed."""
    if keys is None:
        return None
    return await asyncio.to_thread(SealingKey(catalog.path).seal, keys.plain())


async def unsealed(catalog: Catalog, text: str | None) -> E2eeKeys | None:
    """The keys of a row; Unavailable if the catalog's key for secrets is gone."""
    if text is None:
        return None
    return E2eeKeys.read(await asyncio.to_thread(SealingKey(catalog.path).unseal, text))
