"""Each script says what it does, from whatever folder it is asked, and does nothing else then."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
NAMES = (
    *("build", "check", "livekit-server", "lock", "setup", "smoke-test"),
    *("test", "test-oldest"),
)


@pytest.mark.parametrize("name", [*NAMES, "test-packages"])
def test_help(name: str) -> None:
    command = [f"./{name}", "--help"]
    asked = subprocess.run(
        command, check=False, cwd=SCRIPTS, capture_output=True, text=True, timeout=20
    )
    assert asked.returncode == 0
    assert asked.stderr == ""
    first, *lines = asked.stdout.splitlines()
    assert f"# {first}" in (SCRIPTS / name).read_text().splitlines()
    assert any(line.startswith(f"  ./scripts/{name}") for line in lines)
