"""Names of participants, made safe to draw: one line, of bounded length, without tricks."""

from __future__ import annotations

import unicodedata
import zlib
from functools import lru_cache
from typing import Final

from orchestrator.layouts.clusters import clusters

MOST_CLUSTERS: Final = 64
"""Of a name; it ends in an ellipsis then."""
_MOST_READ: Final = 2_000
"""Characters of a name that are looked at; one may have 10 kB, or as much as a server allows."""
_MOST_PARTS: Final = 12
"""Characters of a cluster: emoji of a family have 11, scripts no more than 8."""
_KEPT_FORMATS: Final = frozenset("\u200c\u200d")
"""Joiners, which Persian, Indic scripts and emoji need."""
_TAGS: Final = range(0xE0020, 0xE0080)

COLORS: Final = (
    "#b3261e", "#a23b72", "#7b4397", "#5b4fa8", "#3f5fb0", "#1f6fb5",
    "#0f7890", "#0b7a6c", "#2e7d32", "#5d7327", "#8a6510", "#a3501c",
)  # fmt: skip
"""Backgrounds of initials: white text on them has a contrast of at least 4.5."""


@lru_cache(maxsize=1024)
def safe_name(name: str, identity: str = "") -> str:
    """The name as it may be drawn, else the identity, else a question mark.

    Without control characters, bidi controls (UAX #9), line breaks, lone surrogates, characters
    that Unicode hasn't assigned or leaves to private use; with at most 64 clusters.
    """
    for text in (name, identity):
        if safe := _safe(text):
            return safe
    return "?"


@lru_cache(maxsize=1024)
def initials(name: str) -> str:
    """The first letters of a safe name's first and last words, in capitals.

    Words without letters count only if there is none with one. Arabic letters aren't joined.
    """
    words = [word for word in name.split() if any(c.isalpha() for c in word)] or name.split()
    ends = words[:1] + words[1:][-1:]
    letters = [clusters(_from_a_letter(word))[0] for word in ends]
    capitals = [letter.upper() for letter in letters]
    pairs = zip(letters, capitals, strict=True)
    shown = [new if len(new) == len(old) else old for old, new in pairs]
    arabic = all(unicodedata.bidirectional(letter[0]) == "AL" for letter in shown)
    return "\u200c".join(shown) if arabic else "".join(shown)


def color_of(identity: str) -> str:
    """The color behind somebody's initials: always the same, #rrggbb."""
    return COLORS[zlib.crc32(identity.encode("utf-8", "surrogatepass")) % len(COLORS)]


def _from_a_letter(word: str) -> str:
    """The word from its first letter or digit on; all of it if it has none."""
    for index, character in enumerate(word):
        if character.isalnum():
            return word[index:]
    return word


def _safe(text: str) -> str:
    kept = "".join(_kept(c) for c in text[:_MOST_READ])
    line = unicodedata.normalize("NFC", " ".join(kept.split()))
    found = [cluster[:_MOST_PARTS] for cluster in clusters(line)]
    whole = "".join(found[:MOST_CLUSTERS]).strip("\u200c\u200d ")
    cut = len(found) > MOST_CLUSTERS or len(text) > _MOST_READ
    return f"{whole}…" if whole and cut else whole


def _kept(character: str) -> str:
    """The character, a space for what separates, nothing for what is dropped."""
    category = unicodedata.category(character)
    if category == "Cc" or category.startswith("Z"):
        return " " if character.isspace() else ""
    if category == "Cf":
        return character if character in _KEPT_FORMATS or ord(character) in _TAGS else ""
    return "" if category in ("Cs", "Cn", "Co") else character
