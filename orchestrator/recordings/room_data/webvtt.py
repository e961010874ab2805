"""WebVTT (W3C, webvtt1) of what participants wrote. Pure.

Text of others may hold anything: nothing of it becomes a tag, an entity, a line of timings, or
changes the direction of what follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LONGEST_TEXT: Final = 1000
"""Characters of one cue."""

LONGEST_NAME: Final = 80

_UNWANTED: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)
"""Control characters (C0 less tab and line ends, C1), those that change the direction of text
(UAX #9 §2), and line ends of other kinds."""

_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


@dataclass(frozen=True, slots=True)
class Cue:
    """One text, from when to when it is shown."""

    start_s: float
    end_s: float
    name: str
    """Who said it; may be empty."""
    text: str


def webvtt(cues: Iterable[Cue], *, names: bool) -> str:
    """A whole file. `names`: they are in the text, too, as players don't show voice tags."""
    ordered = sorted(cues, key=lambda cue: (cue.start_s, cue.end_s))
    blocks = [block for cue in ordered if (block := _block(cue, names=names))]
    return "\n\n".join(["WEBVTT", *blocks]) + "\n"


def _block(cue: Cue, *, names: bool) -> str:
    text = _lines(cue.text[:LONGEST_TEXT])
    if not text:
        return ""
    name = " ".join(_plain(cue.name[:LONGEST_NAME]).split())
    said = f"{name}: {text}" if names and name else text
    voice = f"<v {name}>{said}</v>" if name else said
    return f"{_stamp(cue.start_s)} --> {_stamp(max(cue.end_s, cue.start_s + 0.001))}\n{voice}"


def _lines(text: str) -> str:
    """Without empty lines, which would end the cue."""
    lines = (" ".join(line.split()) for line in _plain(text).splitlines())
    return "\n".join(filter(None, lines))


def _plain(text: str) -> str:
    return "".join(_ESCAPES.get(each, each) for each in _UNWANTED.sub("", text))


def _stamp(seconds: float) -> str:
    whole = max(0, round(seconds * 1000))
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
