"""Rows of outputs, made of what was asked for."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.store import Catalog
from orchestrator.outputs.specs import Output, plain, shown
from orchestrator.recordings.encryption.sealed_text import seal
from orchestrator.settings import Settings


async def output_rows(
    catalog: Catalog, settings: Settings, outputs: Sequence[Output], now: datetime
) -> list[OutputRow]:
    """Their rows in order, not yet of a recording; Unavailable if secrets can't be sealed.

    Those of the settings may lead anywhere, those of requests if the settings allow it.
    """
    return [
        OutputRow(
            id=uuid.uuid4().hex,
            number=number,
            kind=output.type,
            spec=await seal(catalog, plain(output)),
            shown=shown(output),
            trusted=settings.allow_private_targets or output in settings.outputs,
            created_at=now,
        )
        for number, output in enumerate(outputs, 1)
    ]
