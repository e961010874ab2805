"""The fixed rate that a command gives its frames, by ffmpeg's filter ``fps``. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

_FILTER: Final = re.compile(r"((?:\[[^]]+\])*)(\w+)(?:=(.*?))?((?:\[[^]]+\])*)", re.DOTALL)
_LABEL: Final = re.compile(r"\[[^]]+\]")
_OWN: Final = ("-vf", "-filter:v", "-filter:v:0")
_MOST: Final = 1000


def fixed_rate(argv: Sequence[str], output: str) -> Fraction | None:
    """Of the first stream of `output`; None if its frames keep their own times.

    A command is read as ffmpeg-python writes it: maps come first among an output's options, and
    between two semicolons of the graph stands one filter.
    """
    end = list(argv).index(output)
    maps = [at for at in range(end - 1) if argv[at] == "-map"]
    while len(maps) > 1 and maps[-1] - maps[-2] == 2:
        maps.pop()
    options = argv[maps[-1] : end] if maps else argv[:end]
    for name in (name for name in _OWN if name in options):
        chain = re.split(r"(?<!\\),", options[options.index(name) + 1])
        if rates := [rate for each in chain if (rate := _rate(each)) is not None]:
            return rates[-1]
    return _of_graph(argv, options[1]) if maps else None


def _of_graph(argv: Sequence[str], label: str) -> Fraction | None:
    """Of the stream with this label: the last rate on its way through the graph."""
    graph = argv[list(argv).index("-filter_complex") + 1] if "-filter_complex" in argv else ""
    filters = re.split(r"(?<!\\);", graph)
    made = {out: each for each in filters for out in _LABEL.findall(_parts(each)[3])}
    while (text := made.pop(label, None)) is not None:
        if (rate := _rate(text)) is not None:
            return rate
        label = (_LABEL.findall(_parts(text)[0]) or [""])[0]
    return None


def _parts(text: str) -> Sequence[str]:
    """Inputs, name, arguments and outputs of a filter."""
    match = _FILTER.fullmatch(text.strip())
    return ("",) * 4 if match is None else match.groups("")


def _rate(text: str) -> Fraction | None:
    _, name, arguments, _ = _parts(text)
    if name != "fps":
        return None
    given = [each.partition("=") for each in arguments.split(":")]
    named = {key: value for key, sign, value in given if sign}
    unnamed = [key for key, sign, _ in given if not sign]
    try:
        rate = Fraction(named.get("fps") or (unnamed or [""])[0])
    except (ValueError, ZeroDivisionError):  # a name (ntsc), or an expression
        return None
    return rate if 0 < rate <= _MOST else None
