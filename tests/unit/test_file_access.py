"""Who may read what we make: modes of files and folders, whatever the umask is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.file_access import FileAccess, make_folder
from orchestrator.mediafiles.paths import make_output_directory, publish
from orchestrator.server.lock import ServerLock
from orchestrator.server.output_folders import OutputFolders
from orchestrator.settings import Settings

ACCESS = [("private", 0o600, 0o700), ("group", 0o640, 0o750)]


@pytest.fixture(params=[0o000, 0o022, 0o077], autouse=True)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the process would take away."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.mark.parametrize(("access", "file", "folder"), ACCESS)
def test_a_final_file(tmp_path: Path, access: FileAccess, file: int, folder: int) -> None:
    made = tmp_path / "segment.mp4"
    made.touch()
    made.chmod(0o666)
    there = tmp_path / "there.mp4"
    there.touch()
    there.chmod(0o644)
    assert mode(publish(made, tmp_path / "final.mp4", access)) == file
    assert mode(there) == 0o644


@pytest.mark.parametrize(("access", "file", "folder"), ACCESS)
async def test_the_catalog_with_all_its_files(
    tmp_path: Path, access: FileAccess, file: int, folder: int
) -> None:
    path = tmp_path / "data" / "haven" / "catalog.db"
    lock = ServerLock(path, access)
    lock.acquire()
    catalog = Catalog(f"sqlite:///{path}", access)
    await catalog.open(migrate=True)
    await catalog.set_preference("a", "b")
    modes = {one.name: mode(one) for one in path.parent.iterdir()}
    assert modes == {
        "catalog.db": file,
        "catalog.db-wal": file,
        "catalog.db-shm": file,
        "catalog.db.server": 0o600,
    }
    assert [mode(one) for one in (path.parent, path.parent.parent)] == [folder] * 2
    await catalog.close()
    lock.release()


@pytest.mark.parametrize(("access", "file", "folder"), ACCESS)
async def test_output_directories(
    tmp_path: Path, access: FileAccess, file: int, folder: int
) -> None:
    settings = Settings(
        output_directory=tmp_path / "a" / "b", database_url=f"sqlite:///{tmp_path}/c.db"
    ).model_copy(update={"file_access": access})
    catalog = Catalog(settings.database_url)
    await catalog.open(migrate=True)
    folders = OutputFolders(settings, catalog)
    assert mode(await folders.for_request(None)) == folder
    assert mode(tmp_path / "a") == folder
    assert mode(await folders.choose(str(tmp_path / "a" / "c"))) == folder
    await catalog.close()


def test_what_exists_is_left_as_it_is(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o2775)
    make_folder(there, "private")
    assert mode(make_output_directory(there, [tmp_path])) == 0o2775
    made = there / "made"
    make_folder(made, "group")
    assert mode(made) == 0o2750, "the group of the folder is that of what lies in it"


async def test_a_catalog_of_before_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.touch()
    path.chmod(0o644)
    catalog = Catalog(f"sqlite:///{path}")
    await catalog.open(migrate=True)
    await catalog.close()
    assert mode(path) == 0o644


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file", "private")
