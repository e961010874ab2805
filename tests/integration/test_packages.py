"""The sdist and the wheel: what is in them, and that each can be installed and records."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.all_only, pytest.mark.timeout(1200)]

NOT_PUBLISHED = (".ci", ".git", ".venv", ".cache", "dist", "out")


@pytest.fixture(scope="module")
def dist() -> Path:
    """The folder that `./scripts/build` fills; it fails unless both packages record."""
    built = subprocess.run(
        ["./scripts/build"], check=False, cwd=ROOT, capture_output=True, text=True, timeout=1100
    )
    assert built.returncode == 0, built.stderr
    assert built.stderr.count("recorded 5 s of the demo stream") == 2, built.stderr
    return ROOT / "dist"


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--", *folders], check=True, cwd=ROOT, capture_output=True, text=True
    )
    return set(listed.stdout.split())


def without_top(names: Iterable[str]) -> set[str]:
    return {name.partition("/")[2] for name in names}


def test_the_wheel_holds_the_package_and_the_pipelines(dist: Path) -> None:
    [wheel] = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    pipelines = {f"orchestrator/{name}" for name in tracked("pipelines")}
    assert held == tracked("orchestrator") | pipelines


def test_the_sdist_holds_what_is_tracked_and_nothing_else(dist: Path) -> None:
    [sdist] = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = without_top(member.name for member in archive.getmembers() if member.isfile())
    published = {name for name in tracked() if name.split("/")[0] not in NOT_PUBLISHED}
    assert held - {"PKG-INFO"} == published


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("systemd-nspawn") is None,
    reason="only root can boot systemd in a container, with systemd-nspawn",
)
def test_recordings_outlive_restarts_of_the_service(dist: Path) -> None:
    assert list(dist.glob("*.whl"))
    tried = subprocess.run(
        ["./scripts/try-systemd"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert tried.returncode == 0, tried.stderr
    assert "nothing is missing" in tried.stderr
