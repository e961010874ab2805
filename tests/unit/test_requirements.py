"""The pins: whole, hashed, for what pyproject.toml names, and free of any registry's address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = ("requirements.txt", "requirements-dev.txt")


def pinned(file: str) -> dict[str, str]:
    """Name and the rest of each entry; continuation lines joined."""
    text = (ROOT / file).read_text().replace("\\\n", " ")
    entries = [line.split("==", 1) for line in text.splitlines() if line and line[0] != "#"]
    return {name.split("[")[0]: rest for name, rest in entries}


def wanted(*, dev: bool) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = project["project"]["dependencies"] + (
        project["dependency-groups"]["dev"] if dev else []
    )
    return {re.split(r"[\[<>=]", line)[0] for line in named}


@pytest.mark.parametrize("file", FILES)
def test_every_dependency_is_pinned(file: str) -> None:
    assert wanted(dev=file == FILES[1]) <= pinned(file).keys()


@pytest.mark.parametrize("file", FILES)
def test_every_pin_has_hashes(file: str) -> None:
    assert all("--hash=sha256:" in rest for rest in pinned(file).values())


@pytest.mark.parametrize("file", FILES)
def test_no_address_stands_there(file: str) -> None:
    text = (ROOT / file).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--(extra-)?index-url|--find-links|-f)\b", text, re.MULTILINE)


def test_the_tools_come_on_top_of_the_same_versions() -> None:
    """So that what is tested is what is installed."""
    small, large = (
        set(re.findall(r"^\S+==\S+", (ROOT / file).read_text(), re.MULTILINE)) for file in FILES
    )
    assert small < large
