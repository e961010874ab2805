"""Names of participants on the canvas: any length, any script, no tricks."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.layouts.clusters import clusters
from orchestrator.layouts.names import COLORS, MOST_CLUSTERS, color_of, initials, safe_name

FAMILY = "👨‍👩‍👧‍👦"
WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("  Ada \n\t Lovelace \x00\x07", "Ada Lovelace"),
        ("Ada\u2028Lovelace", "Ada Lovelace"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("\u2066a\u2069\u200e\u200f\u061cb", "ab"),
        ("e\u0301", "é"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        (f"Max {FAMILY}", f"Max {FAMILY}"),
        (WALES, WALES),
        ("\ud800x\ue000\ufffe", "x"),
        ("\u200d", "the identity"),
        ("", "the identity"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name, "the identity") == safe


def test_nobody_has_no_name_at_all() -> None:
    assert safe_name("", "\x00") == "?"


def test_long_names_are_cut() -> None:
    assert safe_name("é" * 10_000) == "é" * MOST_CLUSTERS + "…"
    assert safe_name("x" * MOST_CLUSTERS) == "x" * MOST_CLUSTERS
    stacked = safe_name("a" + "\u0335" * 10_000)
    assert len(stacked) == 13
    assert safe_name(" " * 10_000 + "x", "id") == "id"


@given(st.text(), st.text())
def test_every_name_is_one_bounded_line(name: str, identity: str) -> None:
    safe = safe_name(name, identity)
    assert safe
    assert safe == safe.strip()
    assert len(clusters(safe)) <= MOST_CLUSTERS + 1
    categories = {unicodedata.category(c) for c in safe if c not in "\u200c\u200d"}
    assert not categories & {"Cc", "Cs", "Cn", "Co", "Zl", "Zp"}
    assert all(unicodedata.bidirectional(c) not in ("LRE", "RLO", "RLI", "PDF") for c in safe)


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        *(("Ada Lovelace", "AL"), ("ada", "A"), ("Ada King Lovelace", "AL"), ("王小明", "王")),
        *(("(ada) [king]", "AK"), ("ñandú", "Ñ"), ("ß", "ß"), ("🎧", "🎧"), ("?", "?")),
        ("आर्या शर्मा", "आश"),
        ("محمد الأمين", "م\u200cا"),
        ("Ada 3", "A"),
        ("42 43", "44"),
    ],
)
def test_initials(name: str, letters: str) -> None:
    assert initials(name) == letters


@given(st.text())
def test_every_name_has_initials(name: str) -> None:
    assert 1 <= len(clusters(initials(safe_name(name)))) <= 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ab", ["a", "b"]),
        ("e\u0301x", ["e\u0301", "x"]),
        (f"{FAMILY}!", [FAMILY, "!"]),
        ("👍🏽x", ["👍🏽", "x"]),
        ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
        ("❤\ufe0fx", ["❤\ufe0f", "x"]),
        (WALES, [WALES]),
        ("a\u200db", ["a\u200d", "b"]),
        ("\u0301a", ["\u0301", "a"]),
    ],
)
def test_clusters(text: str, found: list[str]) -> None:
    assert clusters(text) == found


@given(st.text())
def test_clusters_are_the_text(text: str) -> None:
    assert "".join(clusters(text)) == text


def test_colors_stay_and_white_is_legible_on_them() -> None:
    assert color_of("ada") == color_of("ada")
    assert {color_of(f"p{n}") for n in range(200)} == set(COLORS)
    assert color_of("\ud800")
    assert min(contrast_with_white(each) for each in COLORS) >= 4.5


def contrast_with_white(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 1.05 / (0.05 + 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
