"""A catalog of its own for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.catalog.store import Catalog
from tests.catalog.rows import url_of


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    made = Catalog(url_of(tmp_path / "catalog.db"))
    await made.open(migrate=True)
    yield made
    await made.close()
