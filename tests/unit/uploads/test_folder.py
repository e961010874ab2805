"""Copies into a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.uploads.folder import copy_into


async def data() -> AsyncIterator[bytes]:
    yield b"frames"


async def test_the_file_and_its_name_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    sync = os.fsync

    def recorded(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    await copy_into(tmp_path, "r1/talk.mp4", data(), lambda _bytes: None)
    assert [one.name for one in (tmp_path / "r1").iterdir()] == ["talk.mp4"]
    assert synced == [False, True]
