"""The worker makes a preview only while the server asks for one."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import av
import pytest

from orchestrator.errors import NoFrame
from orchestrator.recordings.images import preview_files
from orchestrator.recordings.images.preview_files import WANTED_S, current
from orchestrator.worker.preview import Preview

FRAME = av.VideoFrame(64, 48, "yuv420p")


def make(folder: Path) -> Preview:
    """One that has seen a frame."""
    preview = Preview(folder)
    preview.take(FRAME, filler=False)
    return preview


def test_nothing_is_made_unless_it_is_wanted(tmp_path: Path) -> None:
    preview, wanted = make(tmp_path), tmp_path / "preview.wanted"
    preview.make()
    wanted.touch()
    long_ago = time.time() - WANTED_S - 1
    os.utime(wanted, (long_ago, long_ago))
    preview.make()
    assert list(tmp_path.iterdir()) == [wanted]
    wanted.touch()
    preview.make()
    assert sorted(tmp_path.iterdir()) == [tmp_path / "preview.jpg", wanted]


def test_filler_alone_is_no_frame(tmp_path: Path) -> None:
    preview = Preview(tmp_path)
    (tmp_path / "preview.wanted").touch()
    preview.take(FRAME, filler=True)
    preview.make()
    assert not (tmp_path / "preview.jpg").exists()
    preview.take(FRAME, filler=False)
    preview.take(FRAME, filler=True)
    preview.make()
    assert (tmp_path / "preview.jpg").read_bytes().startswith(b"\xff\xd8")


async def test_who_asks_gets_one(tmp_path: Path) -> None:
    """Also after a folder that could not be written to."""
    preview = make(tmp_path)
    (tmp_path / "preview.part").mkdir()
    (tmp_path / "preview.wanted").touch()
    with pytest.raises(IsADirectoryError):
        preview.make()
    making = asyncio.create_task(preview.run())
    asked = asyncio.create_task(current(tmp_path))
    (tmp_path / "preview.part").rmdir()
    assert (await asked).startswith(b"\xff\xd8")
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)


async def test_an_old_one_is_not_given_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_files, "_WAIT_S", 0.3)
    frame = tmp_path / "preview.jpg"
    frame.write_bytes(b"old")
    os.utime(frame, (1, 1))
    with pytest.raises(NoFrame, match="No video frame was recorded"):
        await current(tmp_path)
    with pytest.raises(NoFrame):
        await current(tmp_path / "nothing runs")
