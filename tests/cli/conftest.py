"""Runs the command line as a person does: a real process, in an empty folder, with no settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass
class Place:
    """Where the commands run, and with which environment."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def catalog(self) -> str:
        return f"sqlite+aiosqlite:///{self.folder / 'catalog.db'}"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environment,
        )

    def run(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=timeout_s)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("ORCHESTRATOR_")}
    place = Place(tmp_path)
    place.environment = kept | {
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PYTHONPATH": str(ROOT),
        "ORCHESTRATOR_DATABASE_URL": place.catalog,
        "ORCHESTRATOR_OUTPUT_DIRECTORY": str(tmp_path / "films"),
        "COLUMNS": "120",
    }
    return place


@pytest.fixture
def orchestrator(place: Place) -> Command:
    """`orchestrator("streams", "--json")` in a process of its own."""
    return place.run
