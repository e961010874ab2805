"""A worker's writes while the catalog is busy: tried again, and given up in the end."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest
from structlog.testing import capture_logs

from orchestrator.errors import Unavailable
from orchestrator.worker import catalog_entry
from orchestrator.worker.catalog_entry import CatalogEntry
from tests.kit.catalog.rows import recording

ATTEMPTS = 4


class Catalog:
    """One that is busy so many times."""

    def __init__(self, busy: int, error: Exception) -> None:
        self.busy, self.error, self.calls = busy, error, 0

    def write(self) -> Awaitable[str]:
        """No coroutine function, as those that workers pass are none: it returns a coroutine."""
        self.calls += 1
        return self._written()

    async def _written(self) -> str:
        if self.calls <= self.busy:
            raise self.error
        return "written"


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> CatalogEntry:
    monkeypatch.setattr(catalog_entry, "LOOK_S", 0.001)
    monkeypatch.setattr(catalog_entry, "_ATTEMPTS", ATTEMPTS)
    unused: Any = None
    return CatalogEntry(recording("a", state="recording", worker_starts=1), unused)


async def test_it_is_tried_again_while_it_is_busy(entry: CatalogEntry) -> None:
    catalog = Catalog(ATTEMPTS - 1, Unavailable("locked"))
    with capture_logs() as lines:
        assert await entry.with_retries("the state", catalog.write) == "written"
    assert catalog.calls == ATTEMPTS
    assert [line["attempt"] for line in lines] == [1, 2, 3]
    assert {line["event"] for line in lines} == {"catalog is busy"}


async def test_in_the_end_it_is_given_up(entry: CatalogEntry) -> None:
    catalog = Catalog(ATTEMPTS, Unavailable("locked"))
    with pytest.raises(Unavailable, match="stayed busy: the state of room") as told:
        await entry.with_retries("the state", catalog.write)
    assert catalog.calls == ATTEMPTS
    assert "the next worker finishes the recording" in told.value.detail


async def test_other_errors_are_not_tried_again(entry: CatalogEntry) -> None:
    catalog = Catalog(1, ValueError("no such column"))
    with pytest.raises(ValueError, match="no such column"):
        await entry.with_retries("the state", catalog.write)
    assert catalog.calls == 1
