"""The order of right-to-left text: runs of one direction (Unicode Bidirectional Algorithm).

UAX #9 without explicit formatting characters, which names and labels have none of (`safe_name`),
for one line. HarfBuzz needs runs in logical order with their direction, and mirrors brackets.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

_PAIRS: Final = {
    a: b for a, b in zip("([{⟨〈《「『【〔（［｛｢", ")]}⟩〉》」』】〕）］｝｣", strict=True)
}
"""Paired brackets (BidiBrackets.txt): the usual ones."""
_NUMBERS: Final = frozenset({"EN", "AN"})
_NEUTRALS: Final = frozenset({"B", "S", "WS", "ON"})


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one direction, in logical order."""

    text: str
    rtl: bool


def runs(text: str) -> list[Run]:
    """The runs of a line from left to right (UAX #9 L2)."""
    found = [
        (level, "".join(text[index] for index in group)) for level, group in _grouped(levels(text))
    ]
    highest = max((level for level, _ in found), default=0)
    for lowest in range(highest, 0, -1):
        found = _reversed_from(found, lowest)
    return [Run(part, bool(level % 2)) for level, part in found]


def levels(text: str) -> list[int]:
    """The embedding level of each character: odd ones are read from right to left."""
    classes = [unicodedata.bidirectional(character) or "L" for character in text]
    base = _base_level(classes)
    # X9: what has no width of its own takes no part, and has the level of what stands before it.
    indexes = [i for i, cls in enumerate(classes) if cls != "BN"]
    side = "R" if base else "L"
    kinds = _weak([classes[i] for i in indexes], side)
    kinds = _brackets([text[i] for i in indexes], kinds, side)
    kinds = _neutral(kinds, side)
    resolved = dict(zip(indexes, (_level(kind, base) for kind in kinds), strict=True))
    found: list[int] = []
    for index in range(len(text)):
        found.append(resolved.get(index, found[-1] if found else base))
    return _trailing_space(found, classes, base)


def _base_level(classes: Sequence[str]) -> int:
    """P2, P3: that of the first strong character."""
    strong = next((cls for cls in classes if cls in ("L", "R", "AL")), "L")
    return 0 if strong == "L" else 1


def _weak(kinds: list[str], side: str) -> list[str]:
    """W1 to W7: L, R, EN, AN or a neutral for each character."""
    for rule in (_marks, _arabic_digits, _separators, _terminators, _latin_digits):
        kinds = rule(kinds, side)
    return kinds


def _marks(kinds: list[str], side: str) -> list[str]:
    """W1: a mark is what it stands on."""
    found: list[str] = []
    for kind in kinds:
        found.append((found[-1] if found else side) if kind == "NSM" else kind)
    return found


def _arabic_digits(kinds: list[str], side: str) -> list[str]:
    """W2, W3: European digits after an Arabic letter; Arabic letters are R."""
    strong, found = side, []
    for kind in kinds:
        strong = kind if kind in ("L", "R", "AL") else strong
        found.append("AN" if kind == "EN" and strong == "AL" else kind)
    return ["R" if kind == "AL" else kind for kind in found]


def _separators(kinds: list[str], side: str) -> list[str]:
    """W4: one separator between two numbers of a kind."""
    found = list(kinds)
    for i in range(1, len(found) - 1):
        before, after = found[i - 1], found[i + 1]
        if before == after and (
            (found[i] == "ES" and before == "EN") or (found[i] == "CS" and before in _NUMBERS)
        ):
            found[i] = before
    return found


def _terminators(kinds: list[str], side: str) -> list[str]:
    """W5, W6: signs beside European digits; other separators are neutral."""
    found: list[str] = []
    for kind, part in _by_kind(kinds):
        beside = (found[-1:] == ["EN"]) or kinds[len(found) + len(part) :][:1] == ["EN"]
        found += ["EN"] * len(part) if kind == "ET" and beside else part
    return ["ON" if kind in ("ES", "ET", "CS") else kind for kind in found]


def _latin_digits(kinds: list[str], side: str) -> list[str]:
    """W7: European digits after a Latin letter."""
    strong, found = side, []
    for kind in kinds:
        strong = kind if kind in ("L", "R") else strong
        found.append("L" if kind == "EN" and strong == "L" else kind)
    return found


def _brackets(text: Sequence[str], kinds: list[str], side: str) -> list[str]:
    """N0: a pair of brackets has the direction of what is in it, or of what stands before it."""
    found = list(kinds)
    for opening, closing in _pairs(text, found):
        inside = {_strong(kind) for kind in found[opening + 1 : closing]} - {None}
        if not inside:
            continue
        before = next((_strong(k) for k in found[opening - 1 :: -1] if _strong(k)), side)
        before = side if opening == 0 else before
        found[opening] = found[closing] = side if side in inside else before or side
    return found


def _pairs(text: Sequence[str], kinds: Sequence[str]) -> list[tuple[int, int]]:
    """BD16: which brackets belong together, by their opening ones."""
    waiting: list[tuple[str, int]] = []
    found: list[tuple[int, int]] = []
    for index, character in enumerate(text):
        if kinds[index] != "ON":
            continue
        if character in _PAIRS:
            waiting.append((_PAIRS[character], index))
        elif character in [closing for closing, _ in waiting]:
            while waiting:
                closing, opening = waiting.pop()
                if closing == character:
                    found.append((opening, index))
                    break
    return sorted(found)


def _strong(kind: str) -> str | None:
    if kind in _NUMBERS:
        return "R"
    return kind if kind in ("L", "R") else None


def _neutral(kinds: list[str], side: str) -> list[str]:
    """N1, N2: what stands between two of a direction has it, else that of the line."""
    found: list[str] = []
    groups = list(_by_kind(["N" if kind in _NEUTRALS else kind for kind in kinds]))
    for index, (kind, part) in enumerate(groups):
        before = _strong(groups[index - 1][0]) if index else side
        after = _strong(groups[index + 1][0]) if index + 1 < len(groups) else side
        new = before if before == after and before is not None else side
        found += [new if kind == "N" else kind] * len(part)
    return found


def _level(kind: str, base: int) -> int:
    """I1, I2."""
    if base % 2 == 0:
        return base + {"L": 0, "R": 1}.get(kind, 2)
    return base + (0 if kind == "R" else 1)


def _trailing_space(found: list[int], classes: Sequence[str], base: int) -> list[int]:
    """L1: space at the end of a line has the line's level."""
    for index in range(len(found) - 1, -1, -1):
        if classes[index] not in ("WS", "BN", "S", "B"):
            break
        found[index] = base
    return found


def _by_kind(kinds: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    return ((kind, list(group)) for kind, group in groupby(kinds))


def _grouped(found: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    level_of: Callable[[int], int] = found.__getitem__
    return ((level, list(group)) for level, group in groupby(range(len(found)), level_of))


def _reversed_from(found: list[tuple[int, str]], lowest: int) -> list[tuple[int, str]]:
    """Each sequence of runs at `lowest` or above, the other way round."""
    new: list[tuple[int, str]] = []
    for high, group in groupby(found, lambda run: run[0] >= lowest):
        part = list(group)
        new += part[::-1] if high else part
    return new
