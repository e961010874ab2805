"""Shell completion: what is installed works in a real bash and a real zsh."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.kit.cli import Place

BASH = """
source .bash_completions/orchestrator.sh
COMP_WORDS=(orchestrator rec) COMP_CWORD=1
_orchestrator_completion orchestrator
printf '%s\\n' "${COMPREPLY[@]}"
"""

# zsh calls completions only in its line editor: what they offer is caught where they hand it over.
ZSH = """
compdef() { : }
source .zfunc/_orchestrator
_arguments() { print -- "$@" }
words=(orchestrator rec)
CURRENT=2
_orchestrator_completion
"""


@pytest.fixture
def installed(place: Place, request: pytest.FixtureRequest) -> Place:
    """A home folder in which `orchestrator --install-completion` ran for the shell of the test."""
    shell = str(request.param)
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    command = place.folder / "bin" / "orchestrator"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m orchestrator "$@"\n')
    command.chmod(0o755)
    place.environment["PATH"] = f"{command.parent}:{place.environment['PATH']}"
    # It looks which shell its parent is; a command behind it keeps that shell from becoming it.
    [said, *_] = completed(place, shell, "orchestrator --install-completion; true")
    assert said.startswith(f"{shell} completion installed in {place.folder}")
    return place


def completed(place: Place, shell: str, script: str) -> list[str]:
    done = subprocess.run(
        [shell, "-c", script],
        check=False,
        cwd=place.folder,
        env=place.environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stderr == ""
    return done.stdout.split("\n")


@pytest.mark.parametrize("installed", ["bash"], indirect=True)
def test_bash_completes_a_command(installed: Place) -> None:
    assert {"record", "recordings"} <= set(completed(installed, "bash", BASH))
    assert str(installed.folder / ".bash_completions" / "orchestrator.sh") in (
        (installed.folder / ".bashrc").read_text()
    )


@pytest.mark.parametrize("installed", ["zsh"], indirect=True)
def test_zsh_completes_a_command(installed: Place) -> None:
    offered = "\n".join(completed(installed, "zsh", ZSH))
    assert "record" in offered
    assert "recordings" in offered
    assert "fpath" in (installed.folder / ".zshrc").read_text()


@pytest.mark.parametrize("installed", ["bash"], indirect=True)
def test_the_script_can_be_printed(installed: Place) -> None:
    shown = completed(installed, "bash", "orchestrator --show-completion; true")
    assert any("_ORCHESTRATOR_COMPLETE=complete_bash" in line for line in shown)
