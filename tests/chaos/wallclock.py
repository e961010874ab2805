"""A wall clock that can be set while the recorder runs, by a library preloaded into its processes.

The library (`wallclock.c`) is built when it is needed, by the machine's C compiler. Under
libfaketime, which does the same, a worker takes four times the CPU time, and `time.sleep` fails.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

STEP_S: Final = 3600.0

_SOURCE: Final = Path(__file__).with_name("wallclock.c")


def why_none() -> str | None:
    """What is missing for it; None if it can be had here."""
    if sys.platform != "linux":
        return "setting the recorder's wall clock needs Linux (LD_PRELOAD)"
    if shutil.which("cc") is None:
        return "not installed: a C compiler, which a wall clock that can be set is built with (gcc)"
    return None


class WallClock:
    """The clock of the processes that are given its `environment`; its files are in `folder`."""

    def __init__(self, folder: Path) -> None:
        built = folder / "wallclock.so"
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(built), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        self._file = folder / "wallclock"
        self._next_s = STEP_S
        self._file.write_bytes(bytes(8))
        self.environment: Final = {"LD_PRELOAD": str(built), "HAVEN_WALL_CLOCK": str(self._file)}

    def step(self) -> None:
        """An hour ahead, the next time an hour behind, and so on."""
        self.set_off(self._next_s)
        self._next_s = -self._next_s

    def set_off(self, seconds: float) -> None:
        """From now on it is so far ahead of the true time; behind, where that is negative."""
        with self._file.open("r+b", buffering=0) as file:
            file.write(int(seconds * 1e9).to_bytes(8, sys.byteorder, signed=True))
