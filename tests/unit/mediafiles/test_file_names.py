"""File names for any stream whatever."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mediafiles import paths
from orchestrator.mediafiles.paths import file_name, reserve, safe_name
from tests.unit.mediafiles.test_paths import WHEN, stream

WIDE = "\U00020000"
"""A letter of four bytes."""


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
