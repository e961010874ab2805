"""A recording with a short film, and its encode."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.settings import Settings
from tests.kit.encode_bench import Bench
from tests.kit.mediafiles.numbered import NumberedFilm, even_times


@pytest.fixture
def out(tmp_path: Path) -> Path:
    made = tmp_path / "out"
    made.mkdir()
    return made


@pytest.fixture
def film(out: Path) -> Path:
    return NumberedFilm(out / "a.mkv", even_times(3)).write()


@pytest.fixture
def bench(catalog: Catalog, settings: Settings) -> Bench:
    return Bench(catalog, settings)
