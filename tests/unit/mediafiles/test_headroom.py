"""Room for a recording: what is free, what a quota or a limit of file sizes leaves of it."""

from __future__ import annotations

import errno
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.errors import NotEnoughDisk
from orchestrator.mediafiles import headroom
from orchestrator.mediafiles.headroom import (
    check_headroom,
    file_system,
    has_headroom,
    largest_file_bytes,
)
from tests.kit.recordings.disk import btrfs, mounted, use_up

MIB = 2**20


@pytest.fixture
def file_limit() -> Iterator[Callable[[int], None]]:
    """Sets this process's largest file size, for the test."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_folder_with_room(tmp_path: Path) -> None:
    check_headroom(tmp_path, MIB)
    assert has_headroom(tmp_path)
    assert list(tmp_path.iterdir()) == [], "what was written on trial is gone"


def test_too_little_is_free(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughDisk, match="MiB are free in"):
        check_headroom(tmp_path, 10**18)


def test_a_full_disk(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", mib=4) as disk:
        if disk is None:
            pytest.skip("mounting a small file system takes root (and CAP_SYS_ADMIN)")
        check_headroom(disk.path, 0)
        disk.fill(1000)
        assert not has_headroom(disk.path)
        with pytest.raises(NotEnoughDisk, match="No space is left"):
            check_headroom(disk.path, 0)


def test_a_quota_that_free_space_does_not_show(tmp_path: Path) -> None:
    with btrfs(tmp_path / "disk", quota_mib=8) as folder:
        if folder is None:
            pytest.skip("a btrfs with a quota takes root, a loop device and btrfs-progs")
        check_headroom(folder, MIB)
        use_up(folder / "filler")
        assert not has_headroom(folder)
        with pytest.raises(NotEnoughDisk, match=r"disk quota of .* is used up \(EDQUOT\)"):
            check_headroom(folder, MIB)


def test_files_may_not_be_large_enough(tmp_path: Path, file_limit: Callable[[int], None]) -> None:
    assert largest_file_bytes(tmp_path) is None
    file_limit(40 * MIB)
    assert largest_file_bytes(tmp_path) == 40 * MIB
    check_headroom(tmp_path, 0)
    file_limit(3 * MIB)
    with pytest.raises(NotEnoughDisk, match=f"larger than {3 * MIB} bytes") as refused:
        check_headroom(tmp_path, 0)
    assert "ulimit -f" in refused.value.detail


def test_a_fat_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headroom, "file_system", lambda folder, mounts: "vfat")
    assert largest_file_bytes(tmp_path) == 2**32 - 1


def test_the_file_system_of_a_folder() -> None:
    mounts = [("/", "ext4"), ("/mnt/stick", "vfat"), ("/mnt", "nfs4")]
    assert file_system(Path("/mnt/stick/a"), mounts) == "vfat"
    assert file_system(Path("/mnt/sticker"), mounts) == "nfs4"
    assert file_system(Path("/srv"), mounts) == "ext4"
    assert file_system(Path("/srv"), []) == ""


def test_other_errors_are_no_lack_of_room(tmp_path: Path) -> None:
    assert headroom.not_enough_disk(tmp_path, OSError(errno.EROFS, "read-only")) is None
