"""File names for any stream whatever, and folders that are really checked."""

from __future__ import annotations

import errno
import os
import re
import stat
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.catalog import paths
from orchestrator.catalog.paths import (
    check_output_directory,
    check_stream_id,
    file_name,
    make_output_directory,
    publish,
    reserve,
    safe_name,
)
from orchestrator.errors import HavenError, InvalidOutputDirectory, InvalidRequest, NotEnoughDisk
from orchestrator.media import Stream

WHEN = datetime(2024, 12, 1, 14, 30, 22)
WIDE = "\U00020000"
"""A letter of four bytes."""


def stream(id: str = "12345678pump", name: str | None = "Coin Name") -> Stream:
    return Stream(id=id, discovery="demo", name=name)


# -- names


@pytest.mark.parametrize(
    ("name", "symbol", "made"),
    [
        ("CoinName", None, "CoinName"),
        ("Coin  Name!", "CN", "Coin_Name_"),
        ("../../x\n💥", None, "_x_"),
        ("Müßiggang_2", None, "Müßiggang_2"),
        ("Mu\u0308ll", None, "Müll"),
        ("東京 ライブ", None, "東京_ライブ"),
        ("abc\u202egpj", None, "abc_gpj"),
        (None, "EXC", "EXC"),
        ("", "$EXC", "_EXC"),
        ("...", "EXC", "EXC"),
        ("💥", "💥", "stream"),
        (None, None, "stream"),
        ("CON", None, "CON_"),
        ("nul", None, "nul_"),
        ("Com1", None, "Com1_"),
        ("LPT²", None, "LPT²_"),
        ("CONSOLE", None, "CONSOLE"),
        ("x" * 300, None, "x" * 60),
    ],
)
def test_safe_name(name: str | None, symbol: str | None, made: str) -> None:
    assert safe_name(name, symbol) == made


@given(st.none() | st.text(), st.none() | st.text())
def test_any_name_is_safe(name: str | None, symbol: str | None) -> None:
    made = safe_name(name, symbol)
    assert 1 <= len(made) <= 60
    assert re.fullmatch(r"\w+", made)
    assert "__" not in made
    assert made == unicodedata.normalize("NFC", made)
    assert not re.fullmatch(r"(?i)con|prn|aux|nul|com[1-9¹²³]|lpt[1-9¹²³]", made)


@pytest.mark.parametrize(
    ("id", "name", "made"),
    [
        ("12345678pump", "CoinName", "CoinName_12345678_20241201_143022.av1"),
        ("demo", "Demo", "Demo_demo_20241201_143022.av1"),
        ("a/b", None, "stream_a_b_20241201_143022.av1"),
        ("../../etc", "x", "x__et_20241201_143022.av1"),
        ("💥", "x", "x___20241201_143022.av1"),
    ],
)
def test_file_name(id: str, name: str | None, made: str) -> None:
    assert file_name(stream(id, name), WHEN, "av1") == made


@given(st.text(min_size=1), st.none() | st.text(), st.sampled_from(["av1", "mp4", "webm"]))
def test_any_file_name_stays_in_its_folder(id: str, name: str | None, extension: str) -> None:
    made = file_name(stream(id, name), WHEN, extension)
    assert Path("/out", made).parent == Path("/out")
    assert not made.startswith(".")
    assert made.endswith(f"_20241201_143022.{extension}")
    assert len(made.encode()) <= paths.MAX_FILE_NAME_BYTES


def test_long_names_fit_into_the_file_system(tmp_path: Path) -> None:
    wide = stream(WIDE * 8, WIDE * 300)
    assert len(file_name(wide, WHEN, "webm").encode()) <= paths.MAX_FILE_NAME_BYTES
    places = [reserve(tmp_path, wide, WHEN, "webm") for _ in range(3)]
    for place in places:
        place.output.touch()
    assert places[2].output.name.endswith("_3.webm")


@pytest.mark.parametrize("id", ["demo", "a/b", "💥 room", "x" * 256, "\u202e"])
def test_stream_ids(id: str) -> None:
    assert check_stream_id(id) == id


@pytest.mark.parametrize("id", ["", "x" * 257, "a\0b", "a\nb", "\x7f", "\ud800"])
def test_impossible_stream_ids(id: str) -> None:
    with pytest.raises(InvalidRequest, match="mint_id") as caught:
        check_stream_id(id)
    assert len(str(caught.value)) < 300


# -- places


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


def test_reserve_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        places = pool.map(lambda _: reserve(tmp_path, stream(), WHEN, "mp4"), range(20))
        assert len({place.output for place in places}) == 20


def test_reserve_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "_TRIES", 2)
    reserve(tmp_path, stream(), WHEN, "mp4")
    reserve(tmp_path, stream(), WHEN, "mp4")
    with pytest.raises(HavenError, match="exist already"):
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


# -- folders


def test_a_folder_under_a_root(tmp_path: Path) -> None:
    assert check_output_directory(str(tmp_path), [tmp_path]) == tmp_path.resolve()
    assert check_output_directory(tmp_path, [Path("/nowhere"), tmp_path.parent]) == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_the_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "films").mkdir()
    assert check_output_directory("~/films", [Path("~")]) == tmp_path / "films"


def test_a_link_out_of_the_roots(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "root2"
    root.mkdir()
    elsewhere.mkdir()
    (root / "link").symlink_to(elsewhere)
    for path in (root / "link", elsewhere, root / ".." / "root2", Path("/")):
        with pytest.raises(InvalidOutputDirectory, match="is not allowed"):
            check_output_directory(path, [root])
    with pytest.raises(InvalidOutputDirectory, match="is not allowed"):
        make_output_directory(root / "link" / "new", [root])
    assert not (elsewhere / "new").exists()


def test_a_root_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    found = check_output_directory(tmp_path / "link", [tmp_path / "link"])
    assert found == tmp_path / "real"


@pytest.mark.parametrize("make", [check_output_directory, make_output_directory])
def test_a_file_in_its_place(tmp_path: Path, make: type) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidOutputDirectory) as caught:
        make(tmp_path / "file", [tmp_path])
    assert caught.value.error == "Path is not a directory"
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "not an absolute path"),
        ("recordings", "Give it from the root"),
        ("./x", "not an absolute path"),
        ("/a\0b", "can't be used"),
        ("~nobody-of-this-name/x", "can't be used"),
    ],
)
def test_paths_that_are_none(tmp_path: Path, path: str, words: str) -> None:
    for make in (check_output_directory, make_output_directory):
        with pytest.raises(InvalidOutputDirectory, match=words):
            make(path, [Path("/")])


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    for make in (check_output_directory, make_output_directory):
        with pytest.raises(InvalidOutputDirectory, match="too long"):
            make(tmp_path / ("x" * 300), [tmp_path])


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InvalidOutputDirectory, match="can't be used"):
        check_output_directory(tmp_path / "loop", [tmp_path])


def test_only_the_last_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(InvalidOutputDirectory, match="does not exist"):
        check_output_directory(tmp_path / "new", [tmp_path])
    with pytest.raises(InvalidOutputDirectory, match="does not exist"):
        make_output_directory(tmp_path / "a" / "b", [tmp_path])
    assert list(tmp_path.iterdir()) == []
    assert make_output_directory(tmp_path / "new", [tmp_path]) == tmp_path / "new"
    assert make_output_directory(tmp_path / "new", [tmp_path]) == tmp_path / "new"


def test_a_folder_that_can_not_be_written_to() -> None:
    # Not even root can make a file there.
    for make in (check_output_directory, make_output_directory):
        with pytest.raises(InvalidOutputDirectory, match=r"Can't write to /proc/[0-9]+/fdinfo"):
            make("/proc/self/fdinfo", [Path("/proc")])
