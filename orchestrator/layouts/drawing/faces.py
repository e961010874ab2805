"""The fonts that are shipped (`fonts/README.md`), and which of them has a character."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import uharfbuzz as hb

FOLDER: Final = Path(__file__).parents[1] / "fonts"
_FIRST: Final = ("NotoSans-Regular.ttf",)
_LAST: Final = ("DroidSansFallbackFull.ttf", "NotoEmoji-Regular.ttf")
"""Those with many characters of other scripts come after the fonts of these scripts."""
_EMOJI_STYLE: Final = "\ufe0f"


@dataclass(frozen=True, eq=False)
class Face:
    """A font file, its outlines scaled so that an em is 1."""

    name: str
    font: hb.Font
    characters: hb.Set
    em: int
    """Font units."""

    def has(self, cluster: str) -> bool:
        """Whether it has all characters of a cluster that are visible."""
        return all(ord(c) in self.characters or _invisible(c) for c in cluster)


@cache
def faces() -> tuple[Face, ...]:
    """All of them, those that are asked first in front. Read when first used."""
    others = (p.name for p in FOLDER.glob("*.ttf") if p.name not in _FIRST + _LAST)
    return tuple(_face(name) for name in (*_FIRST, *sorted(others), *_LAST))


@lru_cache(maxsize=4096)
def face_of(cluster: str) -> Face:
    """The font to draw a cluster with; the first one, which draws a box, if none has it."""
    able = [face for face in faces() if face.has(cluster)]
    if able and (_EMOJI_STYLE in cluster or unicodedata.category(cluster[0]) == "So"):
        return able[-1]
    return able[0] if able else faces()[0]


def drawable(cluster: str) -> str:
    """The cluster, or what it stands for (NFKC) where no font has it: mathematical letters."""
    if any(face.has(cluster) for face in faces()):
        return cluster
    plain = unicodedata.normalize("NFKC", cluster)
    return plain if all(any(f.has(c) for f in faces()) for c in plain) else cluster


def _face(name: str) -> Face:
    face = hb.Face(hb.Blob.from_file_path(str(FOLDER / name)))
    return Face(name, hb.Font(face), face.unicodes, face.upem)


def _invisible(character: str) -> bool:
    """Joiners, variation selectors and tags: fonts need no glyph of their own for them."""
    code = ord(character)
    return character in "\u200c\u200d" or 0xFE00 <= code <= 0xFE0F or 0xE0020 <= code < 0xE0080
