"""Short chunks, so that short films have several."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.encoding.process import idle_start
from orchestrator.settings import Settings
from orchestrator.transcoding.chunks import plan as chunks


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(output_directory=tmp_path, disk_reserve_bytes=0)


@pytest.fixture(autouse=True)
def not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside other tests the idle class gets no CPU; test_idle_start.py is about it."""
    monkeypatch.setattr(idle_start, "launcher", tuple)


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "LONGEST_S", 1.0)
    monkeypatch.setattr(chunks, "SHORTEST_S", 1.0)
