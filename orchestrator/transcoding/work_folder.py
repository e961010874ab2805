"""The work folder beside the output: the plan, and a record of each finished chunk. Blocking.

A run that finds its own plan there goes on; one of another source or request begins anew. While a
run is at work it holds a lock on the folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from orchestrator.errors import StillActive
from orchestrator.mediafiles.headroom import not_enough_disk

PLAN: Final = "plan.json"
LOCK: Final = "lock"


def work_folder_of(output: Path) -> Path:
    """As of a recording: while it is there, no recording gets the output's name."""
    return output.with_name(f".{output.name}.haven")


def is_work_folder(folder: Path) -> bool:
    """Whether it has the name of one, of whichever file."""
    return folder.name.startswith(".") and folder.name.endswith(".haven")


def size_of(folder: Path) -> int:
    """Bytes of the files in it; 0 if it isn't there."""
    return sum(path.stat().st_size for path in folder.glob("*") if path.is_file())


def finished_chunks(output: Path) -> int:
    """How many chunks of an earlier run are kept for the next."""
    return len(list(work_folder_of(output).glob("chunk*.json")))


def _refuse_foreign(folder: Path, output: Path) -> None:
    """A recording's work folder has no plan."""
    names = {each.name for each in folder.iterdir()} if folder.is_dir() else set()
    if names - {LOCK} and PLAN not in names:
        raise StillActive(
            f"{output} is being recorded, or was when the machine stopped: its segments are in"
            f" {folder}.",
            "Give another --output.",
        )


class WorkFolder:
    """One file's work folder, locked; `close` lets it go."""

    def __init__(self, output: Path, identity: Mapping[str, Any]) -> None:
        """Makes it, or finds it as an earlier run left it. `identity` tells what it is for.

        StillActive if another process works in it, NotEnoughDisk, OSError.
        """
        self.path = work_folder_of(output)
        _refuse_foreign(self.path, output)
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if (short := not_enough_disk(output.parent, error)) is not None:
                raise short from error
            raise
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StillActive(
                f"{output} is being made by another process.",
                "Wait until it is done, or give another --output.",
            ) from error
        self._removed = False
        self._identity = json.loads(json.dumps(identity))
        self.plan = self._kept_plan()

    def _kept_plan(self) -> dict[str, Any] | None:
        """The plan of an earlier run for the same; what is of another is removed."""
        kept = read_json(self.path / PLAN)
        if kept is not None and kept.get("identity") == self._identity:
            return dict(kept["plan"])
        for each in self.path.iterdir():
            if each.name != LOCK:
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        return None

    def put_plan(self, plan: Mapping[str, Any]) -> None:
        """Keeps the plan for a run that goes on."""
        write_json(self.path / PLAN, {"identity": self._identity, "plan": plan})

    def has_chunks(self) -> bool:
        """Whether anything is finished that a next run needn't do again."""
        return any(self.path.glob("chunk*.json"))

    def remove(self) -> None:
        """Removes it with all that is in it."""
        self._removed = True
        shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Lets another process have it; one in which nothing is worth keeping is removed."""
        if not self._removed and not self.has_chunks():
            self.remove()
        with suppress(OSError):
            os.close(self._lock)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in it; None if there is none, or half of one."""
    try:
        read = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return read if isinstance(read, dict) else None


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Whole or not at all, whatever happens meanwhile."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(value, file, separators=(",", ":"))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
