"""The passphrase of an encrypted room on the command line: from a file, never an argument."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import typer

from orchestrator.cli.commands.record import _keys


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_file_may_end_with_one_newline(tmp_path: Path, end: str) -> None:
    file = tmp_path / "secret"
    file.write_text(f" pässword of two words {end}", newline="")
    assert _keys(str(file)).material == " pässword of two words ".encode()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cret\n"))
    assert _keys("-").material == b"s3cret"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "1 to 1024 characters"), (b"s3cret" * 3000, "1 to 1024"), (b"s3cret\xff", "decode")],
)
def test_what_is_no_passphrase_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(typer.BadParameter, match=said) as refused:
        _keys(str(file))
    assert "s3cret" not in str(refused.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(typer.BadParameter, match="No such file"):
        _keys("/nowhere/at/all")
