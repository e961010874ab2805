"""What a reader takes for one character: a letter with its marks, an emoji of several parts.

Simpler than UAX #29: no Hangul syllables of single jamo, which NFC joins.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_ZWJ: Final = "\u200d"
_REGIONAL: Final = range(0x1F1E6, 0x1F200)
"""Two of them are a flag."""
_MODIFIERS: Final = range(0x1F3FB, 0x1F400)
"""Skin tones."""
_TAGS: Final = range(0xE0020, 0xE0080)
"""They follow a black flag: Scotland, Wales."""


def clusters(text: str) -> list[str]:
    """The text's clusters in logical order; joined they are the text."""
    found: list[str] = []
    for character in text:
        if found and _continues(found[-1], character):
            found[-1] += character
        else:
            found.append(character)
    return found


def _continues(cluster: str, character: str) -> bool:
    code = ord(character)
    if unicodedata.category(character) in ("Mn", "Me", "Mc") or character in "\u200c\u200d":
        return True
    if code in _MODIFIERS or code in _TAGS:
        return True
    if cluster.endswith(_ZWJ):
        return unicodedata.category(character) == "So"
    return code in _REGIONAL and len(cluster) == 1 and ord(cluster) in _REGIONAL
