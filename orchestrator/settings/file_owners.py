"""Who can write the settings files: whoever can, can run programs as us.

`orchestrator.toml` and `.env` are read from the current folder, and name ffmpeg and folders of
pipelines and layouts, which are Python. If others can write there, the user is warned.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path


def stranger(path: Path) -> str | None:
    """Who besides us and root can write the file, in words; None if nobody. Blocking."""
    try:
        file, folder = path.stat(), path.resolve().parent.stat()
    except OSError:
        return None  # there is none
    if file.st_uid not in (0, os.geteuid()):
        return f"belongs to {_name(file.st_uid)}"
    if file.st_mode & stat.S_IWOTH:
        return "is writable by everybody"
    if folder.st_uid not in (0, os.geteuid()):
        return f"is in a folder of {_name(folder.st_uid)}"
    if folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
        return "is in a folder that everybody may write to"
    return None


def warning(path: Path) -> str | None:
    """A warning if others can write the settings file."""
    who = stranger(path)
    if who is None:
        return None
    return (
        f"The settings file {path} {who}, and is used. It can run programs as you "
        "(ffmpeg, pipelines_directory, layouts_directory). "
        "Start in a folder of your own, or take over the file."
    )


def _name(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"
