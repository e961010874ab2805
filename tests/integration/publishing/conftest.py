"""What tests of publishers share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.whip.publishing import film


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is published."""
    return film(tmp_path_factory.mktemp("films"))
