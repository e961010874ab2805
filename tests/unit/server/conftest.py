"""Fixtures for tests of the server."""

from __future__ import annotations

import pytest

from orchestrator.catalog.store import Catalog
from tests.kit.watching import World


@pytest.fixture
def world(catalog: Catalog) -> World:
    return World(catalog)
