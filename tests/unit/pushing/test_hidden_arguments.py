"""Programs whose arguments other users don't see."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from orchestrator.pushing.hidden_arguments import CANNOT_HIDE, launcher

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ptrace(2) of Linux")

SHOW = "import sys; print(sys.argv[1:], flush=True); sys.stdin.read()"


def start(*arguments: str, **values: str) -> subprocess.Popen[str]:
    """A program that prints its arguments and waits."""
    return subprocess.Popen(
        [*launcher(), sys.executable, "-c", SHOW, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **values},
    )


def test_the_program_gets_what_its_command_line_does_not_show() -> None:
    long = "x" * 5000
    process = start("$TARGET", "plain", "$LONG", "$NOWHERE", TARGET="rtmp://a/key", LONG=long)
    assert process.stdout is not None
    assert process.stdout.readline() == f"{['rtmp://a/key', 'plain', long, '$NOWHERE']}\n"
    line = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")[:-1]
    assert line[-4:] == [b"$TARGET", b"plain", b"$LONG", b"$NOWHERE"]
    assert psutil.Process(process.pid).children() == []
    status = Path(f"/proc/{process.pid}/status").read_text()
    assert "TracerPid:\t0" in status
    process.communicate("")
    assert process.returncode == 0


def test_it_ends_when_its_parent_does() -> None:
    script = f"""
import os, subprocess, sys, time
from orchestrator.pushing.hidden_arguments import launcher
child = subprocess.Popen([*launcher(), sys.executable, "-c", "import time; time.sleep(60)"])
time.sleep(0.5)
print(child.pid, flush=True)
os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    program = [sys.executable, "-c", script]
    pid = int(subprocess.run(program, check=False, capture_output=True, text=True).stdout)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_where_nothing_can_be_traced_it_does_not_start() -> None:
    traced = subprocess.Popen(
        [
            sys.executable,
            "-c",
            FORBIDDING,
            *launcher()[1:-1],
            "@",
            sys.executable,
            "-c",
            "print(1)",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = traced.communicate(timeout=20)
    assert traced.returncode == CANNOT_HIDE, (out, err)
    assert "ptrace is forbidden" in err


FORBIDDING = """
import os, sys
script, arguments = sys.argv[3], sys.argv[4:]
sys.argv = [script, str(os.getppid()), *arguments[1:]]
source = open(script).read().replace("_PTRACE_SEIZE, pid", "999, pid")
exec(compile(source, script, "exec"), {"__name__": "__main__", "__file__": script})
"""
