"""A small disk of its own, which can be filled up, and made read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Disk:
    """A file system in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, left_bytes: int) -> None:
        """So that so much is free, whoever else writes meanwhile."""
        with self._filler.open("ab") as filler:
            while (size := shutil.disk_usage(self.path).free - left_bytes) > 0:
                with suppress(OSError):  # somebody was faster: there is less to take
                    os.posix_fallocate(filler.fileno(), os.fstat(filler.fileno()).st_size, size)

    def make_room(self) -> None:
        """Takes back what `fill` did."""
        self._filler.unlink()

    def protect(self) -> None:
        """Makes it read-only."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.path)], check=True)


@contextmanager
def mounted(path: Path, mib: int) -> Iterator[Disk | None]:
    """A disk of so many MiB at `path`; None without root, or without CAP_SYS_ADMIN."""
    path.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "none", str(path)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", str(path)], check=True)


@contextmanager
def btrfs(path: Path, quota_mib: int) -> Iterator[Path | None]:
    """A folder with a quota that statvfs doesn't show; None where that can't be had here."""
    path.mkdir(exist_ok=True)
    image = path.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(120 * 2**20)
    folder = path / "limited"
    commands = [
        ["mkfs.btrfs", "-q", str(image)],
        ["mount", "-o", "loop", str(image), str(path)],
        ["btrfs", "quota", "enable", str(path)],
        ["btrfs", "subvolume", "create", str(folder)],
        ["btrfs", "qgroup", "limit", f"{quota_mib}M", str(folder)],
    ]
    if os.geteuid() or shutil.which("mkfs.btrfs") is None:
        yield None
        return
    try:
        made = all(_succeeds(command) for command in commands)
        yield folder if made else None
    finally:
        if path.is_mount():
            subprocess.run(["umount", str(path)], check=True)


def use_up(filler: Path) -> None:
    """Writes until a quota is used up, however the file system rounds it."""
    for size in (2**20, 4096, 1):
        with suppress(OSError), filler.open("ab", buffering=0) as file:
            while file.write(bytes(size)):
                pass


def _succeeds(command: list[str]) -> bool:
    return not subprocess.run(command, capture_output=True, check=False).returncode
