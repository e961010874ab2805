"""A real process whose standard error is kept within bounds, whoever writes to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, sys
from pathlib import Path
from orchestrator import stderr_log
stderr_log.LOOK_S = 0.01
log = stderr_log.StderrLog(Path(sys.argv[1]), limit_bytes=10_000)
log.start()
before = Path(sys.argv[1] + ".1")
for number in range(10_000):
    # Past Python, as libraries written in C do.
    os.write(2, b"%d: a frame could not be decoded\\n" % number)
    if number % 500 == 499:
        size = os.fstat(2).st_size
        while os.fstat(2).st_size == size >= 10_000:
            pass
log.close()
print("last", file=sys.stderr)
"""


def test_a_log_is_bounded_and_keeps_its_newest_lines(tmp_path: Path) -> None:
    """The worker's log had no bound at all: only ffmpeg's had one."""
    path = tmp_path / "worker.log"
    subprocess.run([sys.executable, "-c", PROGRAM, path], check=True, timeout=60)
    older = tmp_path / "worker.log.1"
    assert sorted(tmp_path.iterdir()) == [path, older]
    assert path.read_text().endswith("last\n")
    for each in (path, older):
        assert each.stat().st_size < 10_000 + 500 * 50
        assert each.stat().st_mode & 0o777 == 0o600
    numbers = [int(line.split(":")[0]) for line in older.read_text().splitlines()]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert numbers[-1] > 5_000, "it began anew more than once"


def test_a_folder_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    program = PROGRAM.replace("log.start()", "log.start(); import shutil; shutil.rmtree(FOLDER)")
    program = program.replace("FOLDER", repr(str(folder))).replace(" == size >= 10_000", " < 0")
    subprocess.run([sys.executable, "-c", program, folder / "worker.log"], check=True, timeout=60)
    assert not folder.exists()
