"""Output directories that are really checked: roots, links, permissions."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import InvalidOutputDirectory
from orchestrator.mediafiles.paths import check_output_directory, make_output_directory


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
        ("recordings", "Use a path like"),
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
