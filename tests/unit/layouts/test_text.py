"""Text: every script has a font and is shaped, cut texts fit, masks are as large as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.layouts.drawing.faces import drawable, face_of, faces
from orchestrator.layouts.drawing.text import fitting, shaped, text_mask
from orchestrator.layouts.names import safe_name

WORDS = {
    "NotoSans-Regular.ttf": ("Łukasz Žižek", "Ольга", "Σωκράτης", "Nguyễn"),
    "NotoSansArabic-Regular.ttf": ("محمد", "فارسی"),
    "NotoSansHebrew-Regular.ttf": ("שלום",),
    "NotoSansDevanagari-Regular.ttf": ("आर्या",),
    "NotoSansBengali-Regular.ttf": ("বাংলা",),
    "NotoSansTamil-Regular.ttf": ("தமிழ்",),
    "NotoSansThai-Regular.ttf": ("สมชาย",),
    "NotoSansKhmer-Regular.ttf": ("ខ្មែរ",),
    "NotoSansMyanmar-Regular.ttf": ("မြန်မာ",),
    "NotoSansEthiopic-Regular.ttf": ("አማርኛ",),
    "NotoSansGeorgian-Regular.ttf": ("ქართული",),
    "NotoSansArmenian-Regular.ttf": ("Հայերեն",),
    "NotoSerifTibetan-Regular.ttf": ("བོད་ཡིག",),
    "NotoSansKR-Hangul.ttf": ("김민준",),
    "DroidSansFallbackFull.ttf": ("王小明", "さとう", "カナ", "㐀"),
    "NotoEmoji-Regular.ttf": ("😀", "👨‍👩‍👧‍👦", "🇩🇪", "👍🏽", "❤\ufe0f"),
}


@pytest.mark.parametrize(("font", "word"), [(f, w) for f, words in WORDS.items() for w in words])
def test_each_script_has_its_font(font: str, word: str) -> None:
    glyphs = shaped(word).glyphs
    assert {glyph.face.name for glyph in glyphs} - {"NotoSans-Regular.ttf"} <= {font}
    assert any(glyph.face.name == font for glyph in glyphs)
    assert all(glyph.index for glyph in glyphs), "a box (.notdef) is drawn"


def test_what_no_font_has_is_a_box() -> None:
    assert face_of("\U00020000") is faces()[0]
    assert [glyph.index for glyph in shaped("\U00020000").glyphs] == [0]


def test_letters_of_other_styles_are_drawn_plainly() -> None:
    assert drawable("𝓐") == "A"
    assert shaped("𝓐𝕕𝒂").width == shaped("Ada").width


def test_arabic_letters_are_joined_and_run_to_the_left() -> None:
    drawn = [glyph.index for glyph in shaped("محمد").glyphs]
    alone = [shaped(letter).glyphs[0].index for letter in "محمد"]
    assert len(drawn) == 4
    assert not set(drawn) & set(alone[:3]), "three letters have the forms of joined ones"
    first, *_ = shaped("محمد x").glyphs
    assert first.face.name == "NotoSans-Regular.ttf", "what is read last is drawn left"


def test_marks_and_conjuncts() -> None:
    assert len(shaped("क्ष").glyphs) == 1
    assert len(shaped("👨‍👩‍👧‍👦").glyphs) == 1
    assert len(shaped("🇩🇪").glyphs) == 1
    assert shaped("AV").width < shaped("A").width + shaped("V").width, "kerning"


def test_brackets_are_mirrored_in_right_to_left_text() -> None:
    opening, closing = (shaped(c).glyphs[0].index for c in "()")
    drawn = [g.index for g in shaped("(א)").glyphs if g.face.name == "NotoSans-Regular.ttf"]
    assert drawn == [opening, closing]


@given(st.text(max_size=40).map(safe_name), st.floats(0.1, 30))
def test_cut_text_fits(text: str, width: float) -> None:
    cut = fitting(text, width)
    if cut != text:
        assert cut == "" or cut.endswith("…")
    assert not cut or shaped(cut).width <= width


def test_as_much_as_fits() -> None:
    text = "Ada Lovelace"
    assert fitting(text, 100) == text
    assert fitting(text, shaped("Ada Love…").width + 0.01) == "Ada Love…"
    assert fitting(text, shaped("Ada…").width + 0.05) == "Ada…"
    assert fitting(text, 0.1) == ""


@pytest.mark.parametrize("size", [11, 28, 200])
def test_masks(size: int) -> None:
    mask = text_mask("Åg", size)
    assert mask.shape[0] == pytest.approx(1.37 * size, abs=2)
    assert mask.shape[1] == pytest.approx(shaped("Åg").width * size + 2, abs=1)
    assert mask.max() == 255
    rows = np.flatnonzero(mask.max(axis=1))
    assert rows[0] < 0.25 * size, "Å reaches high"
    assert rows[-1] > 1.2 * size, "g reaches below the line"
    assert not mask[:, 0].any(), "nothing is cut off at the left"


def test_a_mask_of_nothing() -> None:
    assert not text_mask("", 20).any()
    assert not text_mask("\u200c", 20).any()


@given(st.text(max_size=80), st.integers(8, 40))
def test_every_name_can_be_drawn(name: str, size: int) -> None:
    mask = text_mask(safe_name(name), size)
    assert mask.dtype == np.uint8
