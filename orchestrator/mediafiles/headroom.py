"""Headroom for recordings: free disk space, quotas, and the largest allowed file. Blocking.

Free space ignores quotas (statvfs(3) doesn't report them, least of all those of btrfs' qgroups) and
`ulimit -f`. So a test file is written before a recording begins, and ffmpeg's errors are read when
one ends.
"""

from __future__ import annotations

import errno
import resource
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from orchestrator.errors import NotEnoughDisk

LEAST_BYTES: Final = 2**20
"""Space for a second or two: less counts as none."""

TRIED_BYTES: Final = 8 * 2**20
"""Size of the test file before a recording begins, unless the reserve is less."""

LEAST_FILE_BYTES: Final = 16 * 2**20
"""With a file size limit below this, no recording starts."""

_FAT: Final = frozenset(("vfat", "msdos", "fat", "fat32"))
_FAT_FILE_BYTES: Final = 2**32 - 1
"""A file's size has 32 bits in a FAT directory entry."""

_ADVICE: Final = "Free some space, or choose another output directory."

_WORDS: Final = {
    errno.ENOSPC: ("No space is left in {}.", _ADVICE),
    errno.EDQUOT: (
        "The disk quota of {} is used up (EDQUOT).",
        "Free some space, raise the quota, or choose another output directory.",
    ),
    errno.EFBIG: (
        "The file size limit in {} is too small (EFBIG).",
        "Raise the file size limit of this process (`ulimit -f`, systemd's LimitFSIZE).",
    ),
}


def not_enough_disk(folder: Path, error: OSError) -> NotEnoughDisk | None:
    """The error that users see if the disk or a quota is full; else None."""
    words = _WORDS.get(error.errno or 0)
    return None if words is None else NotEnoughDisk(words[0].format(folder), words[1])


def check_headroom(folder: Path, reserve_bytes: int) -> None:
    """NotEnoughDisk unless the reserve is free and a test file can be written."""
    largest = largest_file_bytes(folder)
    if largest is not None and largest < LEAST_FILE_BYTES:
        raise NotEnoughDisk(
            f"No file in {folder} may be larger than {largest} bytes: too small for a recording.",
            "Raise the file size limit of this process (`ulimit -f`, systemd's LimitFSIZE).",
        )
    free, reserve = shutil.disk_usage(folder).free, reserve_bytes // 2**20
    if free < reserve_bytes:
        raise NotEnoughDisk(
            f"Only {free // 2**20} MiB are free in {folder}; the reserve is {reserve} MiB.",
            "Free some space, choose another output directory, or lower disk_reserve_bytes.",
        )
    try:
        _write(folder, max(LEAST_BYTES, min(TRIED_BYTES, reserve_bytes)))
    except OSError as error:
        if (short := not_enough_disk(folder, error)) is not None:
            raise short from error
        raise


def has_headroom(folder: Path, size_bytes: int = LEAST_BYTES) -> bool:
    """Whether so many bytes can be written in the folder now."""
    try:
        _write(folder, size_bytes)
    except OSError:
        return False
    return True


def _write(folder: Path, size_bytes: int) -> None:
    """Really written, not only allocated: some file systems check quotas at the write."""
    piece = bytes(2**20)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        while size_bytes > 0:
            size_bytes -= file.write(piece[:size_bytes])


def largest_file_bytes(folder: Path) -> int | None:
    """The largest size that a file of this process may have there; None: no known limit.

    RLIMIT_FSIZE (getrlimit(2)), which ffmpeg inherits, and that of FAT.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    limits = [limit] if limit != resource.RLIM_INFINITY else []
    mounts = ((part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True))
    if file_system(folder.resolve(), mounts).lower() in _FAT:
        limits.append(_FAT_FILE_BYTES)
    return min(limits, default=None)


def file_system(folder: Path, mounts: Iterable[tuple[str, str]]) -> str:
    """The type of the file system that the folder is on, of mount points with their types."""
    above = [(len(Path(at).parts), kind) for at, kind in mounts if folder.is_relative_to(at)]
    return max(above, default=(0, ""))[1]


_BALLAST: Final = "ballast"


def keep_ballast(folder: Path) -> None:
    """Writes a file that `drop_ballast` removes before a recording's final files are created.

    Without it a full quota may forbid even that: btrfs then refuses link(2) and rename(2), the last
    step of a recording.
    """
    with suppress(OSError):
        (folder / _BALLAST).write_bytes(bytes(LEAST_BYTES))


def drop_ballast(folder: Path) -> None:
    """Frees the space of the ballast."""
    with suppress(OSError):
        (folder / _BALLAST).unlink(missing_ok=True)
