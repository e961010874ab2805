"""What is refused before it is read, and times without loss."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mediafiles.media_file import Unreadable, nanoseconds, opened, seconds
from orchestrator.mediafiles.probe import probe
from tests.kit.mediafiles.synthetic import Film, VideoTrack, times


def refusal(path: Path) -> Unreadable:
    with pytest.raises(Unreadable) as refused, opened(path):
        pass
    return refused.value


def test_what_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "x").problem == "can't be read: No such file or directory"
    assert refusal(tmp_path).problem == "is a folder"
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe").problem == "is no regular file"
    (tmp_path / "empty").touch()
    assert refusal(tmp_path / "empty").problem == "is empty"


def test_what_is_no_media(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_text("hello " * 1000)
    refused = refusal(path)
    assert refused.problem.startswith("is not a media file, or is incomplete: ")
    assert refused.size_bytes == 6000


def test_a_container_of_nothing(tmp_path: Path) -> None:
    """ffmpeg's own form for tags alone."""
    path = tmp_path / "x.txt"
    path.write_text(";FFMETADATA1\ntitle=x\n")
    refused = refusal(path)
    assert (refused.problem, refused.size_bytes) == ("holds no streams", 21)
    assert probe(path).problem == "The file holds no streams."


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser may read everything, so ffmpeg's own answer to others is given."""
    path = tmp_path / "x.mp4"
    path.write_text("secret")

    def deny(*_: object, **__: object) -> None:
        raise av.error.PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("orchestrator.mediafiles.media_file.av.open", deny)
    refused = refusal(path)
    assert refused.problem == "can't be read: Permission denied"
    assert "permissions" in refused.advice


def test_a_name_is_never_a_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = Film(Path("x.mkv"), "matroska", VideoTrack(times(1))).write()
    made.rename("http:x.mkv")
    with opened(Path("http:x.mkv")) as (container, size_bytes):
        assert "matroska" in container.format.name
        assert size_bytes == (tmp_path / "http:x.mkv").stat().st_size


@given(st.integers(-(2**62), 2**62), st.integers(1, 100_000), st.integers(1, 1_000_000))
def test_nanoseconds_are_rounded(ticks: int, numerator: int, denominator: int) -> None:
    base = Fraction(numerator, denominator)
    made = nanoseconds(ticks, base)
    assert made is not None
    assert abs(made - ticks * base * 10**9) <= Fraction(1, 2)


def test_what_is_not_said_stays_unknown() -> None:
    assert nanoseconds(None, Fraction(1, 1000)) is None
    assert nanoseconds(1, None) is None
    assert seconds(None, Fraction(1, 1000)) is None
    assert seconds(1500, Fraction(1, 1000)) == 1.5
