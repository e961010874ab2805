"""Runs the command line as a person does: a real process, in an empty folder, with no settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.cli.app import run

ROOT = Path(__file__).parents[2]


@dataclass
class Place:
    """Where the commands run, and with which environment."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def catalog(self) -> str:
        return f"sqlite:///{self.folder / 'catalog.db'}"

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """The running command; killed if the test ends before it does."""
        with self._started(sys.executable, "-m", "orchestrator", *arguments) as process:
            yield process

    @contextmanager
    def shell(self, command: str) -> Iterator[subprocess.Popen[str]]:
        """The same of a command of bash; `exec` in front makes the process the program's own."""
        with self._started("bash", "-c", command) as process:
            yield process

    @contextmanager
    def _started(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environment,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def run(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=timeout_s)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@dataclass
class Here(Place):
    """The same within this process, for commands that only look: no imports to wait for."""

    patch: pytest.MonkeyPatch = field(kw_only=True)
    captured: pytest.CaptureFixture[str] = field(kw_only=True)

    def run(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        with self.patch.context() as patch:
            patch.chdir(self.folder)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            code = run(arguments)
        printed = self.captured.readouterr()
        return subprocess.CompletedProcess(arguments, code, printed.out, printed.err)


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in [name for name in os.environ if name.upper().startswith("ORCHESTRATOR_")]:
        monkeypatch.delenv(name)
    place = Place(tmp_path)
    place.environment = dict(os.environ) | {
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


@pytest.fixture
def here(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(place.folder, place.environment, patch=monkeypatch, captured=capsys)
