"""Files here: compared with the catalog, hashed once, deleted only if they are the same."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pytest

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.errors import FileGone, UploadHindered
from orchestrator.uploads import local_files
from orchestrator.uploads.contents import FILE, Content
from orchestrator.uploads.failures import unreadable
from orchestrator.uploads.local_files import read_local, unlink_if_same
from tests.kit.uploads.rows import DATA, uploaded

ROW = OutputRow(id="o1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mp4"
    path.write_bytes(DATA)
    return path


def content(path: Path, size: int | None = None, sha256: str | None = None) -> Content:
    return Content(path.name, FILE, path, 1, size, sha256)


async def test_only_the_file_that_was_recorded_is_uploaded(path: Path) -> None:
    digest = hashlib.sha256(DATA).hexdigest()
    local = await read_local(content(path, len(DATA), digest), "key", None)
    assert (local.size, local.sha256) == (len(DATA), digest)
    for other in (content(path, len(DATA) + 1), content(path, len(DATA), "0" * 64)):
        with pytest.raises(FileGone):
            await read_local(other, "key", None)


async def test_it_is_hashed_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = await read_local(content(path), "key", None)
    known = uploaded(ROW, path, mtime_ns=local.mtime_ns, sha256="f" * 64)

    async def never(_path: Path) -> str:
        raise AssertionError("hashed again")

    monkeypatch.setattr(local_files, "sha256_of", never)
    assert (await read_local(content(path), "key", known)).sha256 == "f" * 64
    known.mtime_ns = 1
    with pytest.raises(AssertionError):
        await read_local(content(path), "key", known)


def test_it_is_deleted_if_it_is_the_same(path: Path) -> None:
    stamp = path.stat().st_mtime_ns
    assert not unlink_if_same(uploaded(ROW, path, size_bytes=1))
    assert not unlink_if_same(uploaded(ROW, path, mtime_ns=stamp + 1))
    assert path.exists()
    assert unlink_if_same(uploaded(ROW, path, mtime_ns=stamp))
    assert not path.exists()
    assert not unlink_if_same(uploaded(ROW, path, mtime_ns=stamp))


def test_what_passes_by_itself_isnt_taken_for_a_missing_file(path: Path) -> None:
    assert isinstance(unreadable(path, FileNotFoundError(errno.ENOENT, "gone")), FileGone)
    assert isinstance(unreadable(path, OSError(errno.EIO, "I/O error")), UploadHindered)
