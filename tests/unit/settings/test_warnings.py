"""What a server warns of when it reads its settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.settings import load_settings, warnings


def give_to_somebody_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root gives it away; others become somebody else themselves."""
    if os.geteuid() == 0:
        os.chown(path, 54321, -1)
    else:
        uid = os.geteuid() + 1
        monkeypatch.setattr(os, "geteuid", lambda: uid)


@pytest.mark.parametrize("name", [".env", "orchestrator.toml"])
def test_a_file_of_somebody_else_is_warned_of(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / name).touch()
    assert warnings(load_settings()) == []
    give_to_somebody_else(folder / name, monkeypatch)
    (warning,) = warnings(load_settings())
    assert f"{name} belongs to " in warning
    assert "uid " in warning


def test_a_folder_that_others_can_write_is_as_bad(folder: Path) -> None:
    (folder / ".env").touch()
    folder.chmod(0o777)
    assert "a folder that everybody may write to" in warnings(load_settings())[0]
    folder.chmod(0o1777)  # as /tmp: nobody can replace what isn't his
    assert warnings(load_settings()) == []
    (folder / ".env").unlink()
    folder.chmod(0o777)
    assert warnings(load_settings()) == [], "there is no file"


@pytest.mark.parametrize(("origins", "who"), [("null", "sandboxed frame"), ("*", "every web page")])
def test_an_open_door_is_warned_of(origins: str, who: str) -> None:
    assert warnings(load_settings(allowed_origins="http://localhost:5173")) == []
    (warning,) = warnings(load_settings(allowed_origins=origins))
    assert who in warning
