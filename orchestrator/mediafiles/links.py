"""A file gets a name that nothing has: atomically, and never over what is there. Blocking.

Source: link(2), which refuses a target that exists; rename(2) replaces it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from errno import EMLINK, ENOSYS, ENOTSUP, EOPNOTSUPP, EPERM
from pathlib import Path
from typing import Final

TRIES: Final = 1000
"""Names that are tried before one gives up."""

_NO_HARD_LINKS: Final = frozenset({EPERM, ENOTSUP, EOPNOTSUPP, ENOSYS, EMLINK})


def numbered(path: Path) -> Iterator[Path]:
    """The name itself, then those with `_2`, `_3` and so on before the suffix."""
    yield path
    for number in range(2, TRIES + 1):
        yield path.with_name(f"{path.stem}_{number}{path.suffix}")


def link(source: Path, target: Path) -> bool:
    """Gives a file a second name; False if something has it.

    Where the file system knows no hard links it is moved instead.
    """
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        return _replace_own(source, target)
    return True


def _replace_own(source: Path, target: Path) -> bool:
    """Without hard links: claims the name with an empty file and replaces only that one."""
    try:
        target.touch(exist_ok=False)
    except FileExistsError:
        return False
    try:
        source.replace(target)
    except OSError:
        target.unlink()
        raise
    return True


def sync(path: Path) -> None:
    """Returns when a file, or a folder's names, would outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """The same of a folder, as far as its file system can."""
    with suppress(OSError):
        sync(path)
