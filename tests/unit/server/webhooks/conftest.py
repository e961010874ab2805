"""A catalog with a fast queue, and a receiver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.catalog.store import Catalog
from tests.kit.webhooks.queues import catalog_in, hasten
from tests.kit.webhooks.receivers import Receiver, receiving


@pytest.fixture
async def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Catalog]:
    hasten(monkeypatch)
    async with catalog_in(tmp_path) as opened:
        yield opened


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made
