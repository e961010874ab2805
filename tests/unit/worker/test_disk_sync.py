"""What is written goes to the disk, once, and the folder with it when there are new names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.worker import disk_sync
from orchestrator.worker.disk_sync import DiskSync


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what was synced, in order."""
    names: list[str] = []

    def sync(descriptor: int) -> None:
        names.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        os.fdatasync(descriptor)

    monkeypatch.setattr(disk_sync, "_sync_data", sync)
    return names


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")
def test_what_was_written_is_synced_and_new_names_with_their_folder(
    tmp_path: Path, synced: list[str]
) -> None:
    work = tmp_path / "out" / ".a.haven"
    work.mkdir(parents=True)
    (tmp_path / "c.db-wal").write_text("1")
    (work / "0001.mp4").write_text("1")
    keeping = DiskSync(work, tmp_path / "c.db")
    keeping.sync()
    assert sorted(synced) == [".a.haven", "0001.mp4", "c.db-wal", "out"]
    synced.clear()
    keeping.sync()
    assert synced == []
    os.utime(work / "0001.mp4", ns=(1, 1))
    keeping.sync()
    assert synced == ["0001.mp4"]
    synced.clear()
    (work / "0002.mp4").write_text("1")
    (work / "0001.mp4").unlink()
    keeping.sync()
    assert synced == ["0002.mp4", ".a.haven", "out"]


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path) -> None:
    DiskSync(tmp_path / "gone", tmp_path / "gone.db").sync()
