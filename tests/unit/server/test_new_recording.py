"""A row and its folder come together and go together, whoever is cancelled when."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.errors import AlreadyActive, RecordingNotFound, Unavailable
from orchestrator.server.new_recording import add_recording
from tests.kit.catalog.rows import recording


@pytest.fixture
def new(tmp_path: Path) -> Recording:
    """A row that isn't in the catalog, with its folder."""
    return made(tmp_path, "a")


def made(folder: Path, id: str) -> Recording:
    work = folder / f".{id}.haven"
    work.mkdir()
    return recording(id, work_directory=str(work))


async def test_who_comes_second_gives_his_folder_back(catalog: Catalog, tmp_path: Path) -> None:
    first, second = made(tmp_path, "a"), made(tmp_path, "b")
    await add_recording(catalog, first)
    with pytest.raises(AlreadyActive):
        await add_recording(catalog, second)
    assert Path(first.work_directory).exists()
    assert not Path(second.work_directory).exists()


async def test_cancelled_while_it_is_written_neither_row_nor_folder_stays(
    catalog: Catalog, new: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, go_on = asyncio.Event(), asyncio.Event()
    create = catalog.create

    async def slow(row: Recording, **how: Any) -> None:
        await create(row, **how)
        written.set()
        await go_on.wait()

    monkeypatch.setattr(catalog, "create", slow)
    adding = asyncio.create_task(add_recording(catalog, new))
    await written.wait()
    adding.cancel()
    await asyncio.sleep(0)
    assert Path(new.work_directory).exists(), "while the row may be there"
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await adding
    with pytest.raises(RecordingNotFound):
        await catalog.get(new.id)
    assert not Path(new.work_directory).exists()


async def test_cancelled_before_its_turn_nothing_stays(catalog: Catalog, new: Recording) -> None:
    """The writer is busy with another transaction, and goes on when the caller is gone."""
    free = threading.Event()
    busy = asyncio.create_task(catalog.transactions.write(lambda _: free.wait(30)))
    adding = asyncio.create_task(add_recording(catalog, new))
    await asyncio.sleep(0)
    adding.cancel()
    free.set()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert await busy
    with pytest.raises(RecordingNotFound):
        await catalog.get(new.id)
    assert not Path(new.work_directory).exists()


@pytest.mark.parametrize("committed", [True, False])
async def test_a_database_in_trouble_is_asked_what_it_did(
    catalog: Catalog, new: Recording, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    create = catalog.create

    async def troubled(row: Recording, **how: Any) -> None:
        if committed:
            await create(row, **how)
        raise Unavailable("disk I/O error", "")

    monkeypatch.setattr(catalog, "create", troubled)
    with pytest.raises(Unavailable):
        await add_recording(catalog, new)
    assert Path(new.work_directory).exists() is committed
