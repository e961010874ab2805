"""The order of right-to-left text is that of the Rust crate unicode-bidi (python-bidi)."""

from __future__ import annotations

import pytest
from bidi import get_display
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.layouts.drawing.bidi import Run, levels, runs

CHARACTERS = "abé אבגד علي 12٣٤ ()[]{} .,:+-%$'\u0301\u200d!😀"


def visual(text: str) -> str:
    return "".join(run.text[::-1] if run.rtl else run.text for run in runs(text))


@given(st.text(st.sampled_from(CHARACTERS), max_size=30))
def test_the_order_is_that_of_unicode_bidi(text: str) -> None:
    assert visual(text) == get_display(text)


@pytest.mark.parametrize(
    "text",
    ["aא(א)", "aא(1)", "a(א)1", "אa(a)", "אa(1)", "א(a)1", "(aא)1", "(אa)1", "a[(א]ב)", "((א)"],
)
def test_brackets_belong_together(text: str) -> None:
    assert visual(text) == get_display(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("abc", [Run("abc", False)]),
        ("אבג", [Run("אבג", True)]),
        ("דנה (Dana)", [Run(")", True), Run("Dana", False), Run("דנה (", True)]),
        ("Dana (דנה)", [Run("Dana (", False), Run("דנה", True), Run(")", False)]),
        ("علي 12", [Run("12", False), Run("علي ", True)]),
        ("a אב…", [Run("a ", False), Run("אב", True), Run("…", False)]),
    ],
)
def test_runs(text: str, found: list[Run]) -> None:
    assert runs(text) == found


def test_levels() -> None:
    assert levels("aא1ב") == [0, 1, 2, 1]
    assert levels("אa ") == [1, 2, 1]
    assert levels("\u200dא") == [1, 1]


@given(st.text())
def test_nothing_is_lost(text: str) -> None:
    assert sorted("".join(run.text for run in runs(text))) == sorted(text)
