"""What a crash left goes at the next start; what may be needed, or isn't ours, stays."""

from __future__ import annotations

import asyncio
import os
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.capacity.calibration import FILM_PREFIX
from orchestrator.catalog.ended_recordings import EndedRecordings
from orchestrator.catalog.models import File
from orchestrator.catalog.store import Catalog
from orchestrator.errors import FilesNotDeleted
from orchestrator.recordings.job import runtime_directory
from orchestrator.server.deletion import delete_recording
from orchestrator.server.housekeeping.cleanup import CleanUp, clean_up
from tests.kit.catalog.rows import NOON, recording


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
    await catalog.create(recording(id, stream_id=id, state=state, work_directory=str(work)))
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
    await catalog.create(recording("linked", stream_id="linked", state="failed"))
    linked.symlink_to(failed)
    await clean_up(catalog)
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
    await clean_up(catalog)
    assert sorted(path.name for path in temporary.iterdir()) == stays


async def test_a_work_folder_that_was_put_elsewhere_by_a_link_stays(
    catalog: Catalog, tmp_path: Path, temporary: Path
) -> None:
    work = await add(catalog, tmp_path, "a", "completed", "whole")
    mine = work.rename(tmp_path / "mine")
    work.symlink_to(mine)
    await clean_up(catalog)
    assert (mine / "0001.mp4").exists()
    assert list(temporary.iterdir()) == []


async def test_each_work_folder_is_looked_at_once(
    catalog: Catalog, tmp_path: Path, temporary: Path
) -> None:
    """Every start looked at every folder there ever was."""
    work = await add(catalog, tmp_path, "a", "completed", "whole")
    cut = await add(catalog, tmp_path, "b", "completed", "incomplete")
    await clean_up(catalog)
    assert await EndedRecordings(catalog).needing_cleanup() == []
    assert [work.exists(), cut.exists()] == [False, True]
    work.mkdir()
    await clean_up(catalog)
    assert work.exists(), "nobody asked for it any more"


async def test_the_folder_of_a_later_recording_of_that_name_stays(
    catalog: Catalog, tmp_path: Path, temporary: Path
) -> None:
    """`record --output Y.mp4` again, after the first file was put elsewhere."""
    work = await add(catalog, tmp_path, "a", "completed", "whole")
    later = NOON + timedelta(hours=1)
    again = recording("b", stream_id="b", work_directory=str(work), created_at=later)
    await catalog.create(again)
    await clean_up(catalog)
    assert work.exists()
    output = tmp_path / "a.mp4"
    output.write_text("of the later one")
    await delete_recording(catalog, "a")
    assert (work.exists(), output.exists()) == (True, True)


async def test_what_can_not_be_deleted_stays_in_the_history(
    catalog: Catalog, tmp_path: Path, temporary: Path
) -> None:
    await add(catalog, tmp_path, "a", "completed", "whole")
    (tmp_path / "a.mp4").mkdir()  # which nobody can unlink, not even root
    with pytest.raises(FilesNotDeleted, match=r"a\.mp4 can't be deleted: Is a directory"):
        await delete_recording(catalog, "a")
    assert (await catalog.get("a")).id == "a"
    (tmp_path / "a.mp4").rmdir()
    await delete_recording(catalog, "a")
    assert (await catalog.history(limit=9, offset=0))[1] == 0


async def test_a_server_does_not_wait_for_it(
    catalog: Catalog, tmp_path: Path, temporary: Path
) -> None:
    work = await add(catalog, tmp_path, "a", "completed", "whole")
    cleaning = CleanUp(catalog)
    cleaning.open()
    assert work.exists()
    async with asyncio.timeout(20):
        while work.exists():
            await asyncio.sleep(0.01)
    await cleaning.close()
