"""Standard streams that are closed, or that nobody reads any more: real children, in a shell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.cli import ROOT

CLOSED = """
import os, sys
from orchestrator.cli.standard_streams import open_closed_streams
open_closed_streams()
with open("data", "w") as data, open("result", "w") as result:
    print("on stdout")
    print("on stderr", file=sys.stderr, flush=True)
    for number in (1, 2):
        try:
            os.write(number, b"from a library")
        except OSError:
            pass
    result.write("first" if min(data.fileno(), result.fileno()) < 3 else "fine")
"""

LEFT = """
import sys
from orchestrator.cli.standard_streams import outlive_readers
outlive_readers()
for number in range(20_000):
    print(number, "on stdout")
    print(number, "on stderr", file=sys.stderr)
open("result", "w").write(f"{sys.stdout.isatty()} {sys.stderr.fileno()} {sys.stderr.encoding}")
"""


def shell(folder: Path, program: str, how: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(program)
    return subprocess.run(
        ["bash", "-c", f"{sys.executable} program.py {how}"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("how", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_never_a_file_of_ours(tmp_path: Path, how: str) -> None:
    done = shell(tmp_path, CLOSED, how)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "result").read_text() == "fine"
    assert (tmp_path / "data").read_text() == ""
    assert ("on stdout" in done.stdout) is (">&-" not in how.replace("2>&-", ""))
    assert ("on stderr" in done.stderr) is ("2>&-" not in how)


@pytest.mark.parametrize(
    "how", ["2>&1 | head -1", ">/dev/full 2>/dev/full", "2>/dev/null | head -1", "2</dev/null"]
)
def test_a_reader_that_leaves_ends_nothing(tmp_path: Path, how: str) -> None:
    done = shell(tmp_path, LEFT, f"{how}; exit ${{PIPESTATUS[0]}}")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (tmp_path / "result").read_text() == "False 2 utf-8"


def test_the_command_line_takes_care_of_it(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("from orchestrator.cli import main\nmain()")
    done = shell(tmp_path, "from orchestrator.cli import main\nmain()", "streams --limit 0 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
