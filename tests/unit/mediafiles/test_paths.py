"""Places of files: names that are reserved, and files that are published under them."""

from __future__ import annotations

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from orchestrator.errors import HavenError, InvalidOutputDirectory, InvalidRequest, NotEnoughDisk
from orchestrator.media import Stream
from orchestrator.mediafiles import links, paths
from orchestrator.mediafiles.paths import publish, reserve, reserve_name

WHEN = datetime(2024, 12, 1, 14, 30, 22)


def stream(id: str = "12345678pump", name: str | None = "Coin Name") -> Stream:
    return Stream(id=id, discovery="demo", name=name)


def test_reserve_makes_a_private_work_folder(tmp_path: Path) -> None:
    place = reserve(tmp_path, stream(), WHEN, "mp4")
    assert place.output == tmp_path / "Coin_Name_12345678_20241201_143022.mp4"
    assert place.work == tmp_path / ".Coin_Name_12345678_20241201_143022.mp4.haven"
    assert stat.S_IMODE(place.work.stat().st_mode) == 0o700
    assert not place.output.exists()


def test_reserve_takes_no_name_that_exists(tmp_path: Path) -> None:
    first = reserve(tmp_path, stream(), WHEN, "mp4")
    first.output.with_name("Coin_Name_12345678_20241201_143022_2.mp4").symlink_to("nowhere")
    third = reserve(tmp_path, stream(), WHEN, "mp4")
    assert third.output.name == "Coin_Name_12345678_20241201_143022_3.mp4"
    assert len(list(tmp_path.glob(".*.haven"))) == 2


def test_a_name_that_was_asked_for(tmp_path: Path) -> None:
    place = reserve_name(tmp_path, "My talk.mp4")
    assert (place.output, place.work.is_dir()) == (tmp_path / "My talk.mp4", True)
    with pytest.raises(InvalidRequest, match="is being recorded"):
        reserve_name(tmp_path, "My talk.mp4")
    (tmp_path / "there.mp4").write_text("mine")
    with pytest.raises(InvalidRequest, match="already exists"):
        reserve_name(tmp_path, "there.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".My talk.mp4.haven", "there.mp4"]


@pytest.mark.parametrize("name", ["a\n.mp4", "ü" * 119 + ".mp4", "\x1b.mp4"])
def test_a_name_that_can_not_be_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest, match="can't be named"):
        reserve_name(tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_reserve_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        places = pool.map(lambda _: reserve(tmp_path, stream(), WHEN, "mp4"), range(20))
        assert len({place.output for place in places}) == 20


def test_reserve_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "TRIES", 2)
    monkeypatch.setattr(paths, "TRIES", 2)
    reserve(tmp_path, stream(), WHEN, "mp4")
    reserve(tmp_path, stream(), WHEN, "mp4")
    with pytest.raises(HavenError, match="already exist"):
        reserve(tmp_path, stream(), WHEN, "mp4")


def test_reserve_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(InvalidOutputDirectory, match="No such file or directory"):
        reserve(tmp_path / "gone", stream(), WHEN, "mp4")


def test_reserve_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(NotEnoughDisk, match=f"No space is left in {tmp_path}"):
        reserve(tmp_path, stream(), WHEN, "mp4")


def no_hard_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("hard_links", [True, False])
def test_publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool) -> None:
    if not hard_links:
        monkeypatch.setattr(os, "link", no_hard_links)
    output = tmp_path / "out.mp4"
    for number, name in enumerate(["out.mp4", "out_2.mp4", "out_3.mp4"]):
        source = tmp_path / "source"
        source.write_text(f"{number}")
        assert publish(source, output) == tmp_path / name
        assert not source.exists()
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["0", "1", "2"]


def test_publish_fails_without_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Path:
        raise OSError(errno.EIO, "Input/output error")

    source = tmp_path / "source"
    source.touch()
    monkeypatch.setattr(os, "link", no_hard_links)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="Input/output error"):
        publish(source, tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == [source]


def test_publish_to_a_folder_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "source").touch()
    with pytest.raises(FileNotFoundError):
        publish(tmp_path / "source", tmp_path / "gone" / "out.mp4")
