"""Who may read files that we create: this user, or its group too. Existing ones keep their modes.

Modes are set after creation: a umask may remove more, and ffmpeg creates files by its own rules.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

FileAccess = Literal["private", "group"]

FILE_MODE: Final = {"private": 0o600, "group": 0o640}
FOLDER_MODE: Final = {"private": 0o700, "group": 0o750}


def make_folder(path: Path, access: FileAccess) -> None:
    """Makes the folder and those above it that are missing; FileExistsError for a file.

    Blocking.
    """
    for folder in reversed([one for one in (path, *path.parents) if not one.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)
        _set(folder, FOLDER_MODE[access])
    path.mkdir(exist_ok=True)


def make_file(path: Path, access: FileAccess) -> None:
    """Makes an empty file, if there is none. Blocking."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _set(path, FILE_MODE[access])


def give(path: Path, access: FileAccess) -> None:
    """Sets the mode of a file that we have just made. Blocking."""
    _set(path, FILE_MODE[access])


def _set(path: Path, mode: int) -> None:
    # Some file systems (FAT, some network shares) know no modes: there the mount says who may read.
    with suppress(OSError):
        inherited = path.stat().st_mode & stat.S_ISGID  # who set it on a folder wants its group
        path.chmod(mode | inherited)
