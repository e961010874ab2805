"""What a crash left goes at the next start; what may be needed, or isn't ours, stays."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.recordings.calibration import FILM_PREFIX
from orchestrator.recordings.sweep import sweep
from orchestrator.recordings.worker import runtime_directory
from tests.catalog.rows import NOON, recording


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder, for this test."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


async def add(catalog: Catalog, folder: Path, id: str, state: str, integrity: str | None) -> Path:
    """A recording with its runtime folder and a pipe in it; its work folder."""
    work = folder / f".{id}.mp4.haven"
    work.mkdir()
    (work / "0001.mp4").touch()
    runtime_directory(id).mkdir()
    os.mkfifo(runtime_directory(id) / "0001.nut")
    await catalog.create(recording(id, mint_id=id, state=state, work_directory=str(work)))
    if integrity:
        file = {"recording_id": id, "number": 1, "path": str(folder / f"{id}.mp4")}
        await catalog.put_file(
            File(**file, offset_s=0.0, size_bytes=1, integrity=integrity, made_at=NOON)
        )
    return work


async def test_only_what_is_surely_ours_and_not_needed_goes(
    catalog: Catalog, tmp_path: Path, temporary: Path
) -> None:
    whole = await add(catalog, tmp_path, "whole", "completed", "whole")
    cut = await add(catalog, tmp_path, "cut", "completed", "incomplete")
    failed = await add(catalog, tmp_path, "failed", "failed", None)
    active = await add(catalog, tmp_path, "active", "recording", None)
    unknown = runtime_directory("of-another-catalog")
    unknown.mkdir()
    linked = runtime_directory("linked")
    await catalog.create(recording("linked", mint_id="linked", state="failed"))
    linked.symlink_to(failed)
    await sweep(catalog)
    assert sorted(path.name for path in temporary.iterdir()) == sorted(
        path.name for path in (runtime_directory("active"), unknown, linked)
    )
    assert not whole.exists()
    assert [path.exists() for path in (cut, failed, active)] == [True, True, True]
    assert (failed / "0001.mp4").exists()


async def test_the_film_of_a_killed_calibration_goes(catalog: Catalog, temporary: Path) -> None:
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    (temporary / f"{FILM_PREFIX}{gone.pid}-a").mkdir()
    (temporary / f"{FILM_PREFIX}{gone.pid}-a" / "film.nut").touch()
    stays = [f"{FILM_PREFIX}{os.getpid()}-a", f"{FILM_PREFIX}mine"]
    for name in stays:
        (temporary / name).mkdir()
    await sweep(catalog)
    assert sorted(path.name for path in temporary.iterdir()) == stays


async def test_a_work_folder_that_was_put_elsewhere_by_a_link_stays(
    catalog: Catalog, tmp_path: Path, temporary: Path
) -> None:
    work = await add(catalog, tmp_path, "a", "completed", "whole")
    mine = work.rename(tmp_path / "mine")
    work.symlink_to(mine)
    await sweep(catalog)
    assert (mine / "0001.mp4").exists()
    assert list(temporary.iterdir()) == []
