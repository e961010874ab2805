"""The command line as a whole: help, refusals, exit codes, and no traceback for anybody."""

from __future__ import annotations

import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from orchestrator import __version__
from orchestrator.cli import app as cli
from orchestrator.errors import EncodingFailed, RecordingNotFound, SettingsError
from tests.kit.cli import ROOT, Command, Place

COMMANDS = (
    *("serve", "record", "streams", "recordings", "pipelines", "layouts", "settings", "doctor"),
    *("inspect", "demo-stream"),
)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )


def test_help_names_every_command_and_comes_at_once(orchestrator: Command) -> None:
    begun_s = time.monotonic()
    done = orchestrator("--help")
    took_s = time.monotonic() - begun_s
    assert done.returncode == 0
    assert all(command in done.stdout for command in COMMANDS)
    assert all(text in done.stdout for text in ("Exit codes: 0 done", "ORCHESTRATOR_", "TMPDIR"))
    # About 0.25 s on an idle machine; a heavy import (aiortc, SQLAlchemy) would add a second.
    assert took_s < 3
    assert "traceback" not in done.stderr.lower()


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom orchestrator.cli.app import run\nrun(['--help'])\n"
        "heavy = {'aiortc', 'av', 'sqlalchemy', 'fastapi', 'pydantic', 'numpy', 'livekit'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([command, "--help"]) == 0
    assert f"orchestrator {command}" in capsys.readouterr().out


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"haven-recorder {__version__}\n"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["recrod"], "No such command 'recrod'"),
        (["record"], "Missing argument 'stream'"),
        (["record", "x", "--duration", "soon"], "soon is no duration like 90, 90s, 15m or 1.5h"),
        (["streams", "--limit", "0"], "greater than or equal to 1"),
        (["serve", "--verbose"], "No such option"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert said.lower() in printed.err.lower()
    assert "--help` lists the options." in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_without_a_command_help_is_shown(orchestrator: Command) -> None:
    done = orchestrator()
    assert done.returncode == 2
    assert "Usage: orchestrator" in done.stdout


def test_a_wrong_setting_is_one_line_and_code_2(place: Place) -> None:
    place.environment["ORCHESTRATOR_PROT"] = "1"
    done = place.run("serve")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: Unknown setting: ORCHESTRATOR_PROT in the environment.")
    assert "Did you mean ORCHESTRATOR_PORT?" in done.stderr
    assert done.stderr.count("\n") == 1


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", failing)


def test_an_error_says_what_to_do_on_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(RecordingNotFound("7"), monkeypatch)
    assert cli.run([]) == 1
    said = "error: No recording with id 7. `orchestrator recordings` lists all recordings.\n"
    assert capsys.readouterr().err == said


def test_ffmpegs_last_lines_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tuple(f"line {number}" for number in range(20))
    fail_with(EncodingFailed("ffmpeg ended.", "See below.", stderr=lines), monkeypatch)
    assert cli.run([]) == 1
    printed = capsys.readouterr().err.splitlines()
    assert printed[0] == "error: ffmpeg ended. See below."
    assert printed[1:] == [f"  ffmpeg: {line}" for line in lines[-5:]]


@pytest.mark.parametrize(
    ("error", "code"), [(SettingsError("bad", "correct it"), 2), (KeyboardInterrupt(), 130)]
)
def test_exit_codes(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fail_with(error, monkeypatch)
    assert cli.run([]) == code
    assert "Traceback" not in capsys.readouterr().err


def test_an_unexpected_error_is_a_line_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    fail_with(ZeroDivisionError("oops"), monkeypatch)
    assert cli.run([]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("error: Unexpected ZeroDivisionError: oops. The traceback is in ")
    assert printed.count("\n") == 1
    (kept,) = tmp_path.rglob("last-error.log")
    assert "ZeroDivisionError: oops" in kept.read_text()
    assert str(kept) in printed


def test_debug_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(ZeroDivisionError("oops"), monkeypatch)
    assert cli.run(["--debug"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error(place: Place) -> None:
    with place.start("settings") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) == 1


def test_windows_is_refused_before_anything_is_imported() -> None:
    code = (
        "import sys\nsys.platform = 'win32'\nfrom orchestrator.cli import main\n"
        "try:\n    main()\nfinally:\n    assert 'typer' not in sys.modules\n"
    )
    done = python(code)
    assert done.returncode == 1
    assert "WSL 2" in done.stderr
    assert "Traceback" not in done.stderr
