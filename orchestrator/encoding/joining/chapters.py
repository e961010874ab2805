"""Chapters as ffmpeg reads them (ffmpeg-formats, Metadata). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

Chapters: TypeAlias = Sequence[tuple[float, str]]
"""Where each begins in the file, in seconds, and its title; in order."""


def metadata_of(chapters: Chapters, end_s: float) -> str:
    """A file for ffmpeg's demuxer `ffmetadata`; the last chapter ends at `end_s`."""
    lines = [";FFMETADATA1"]
    ends = [*(start for start, _ in chapters[1:]), end_s]
    for (start_s, title), to_s in zip(chapters, ends, strict=True):
        start = round(start_s * 1000)
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={start}"]
        lines += [f"END={max(round(to_s * 1000), start + 1)}", f"title={_escaped(title)}"]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    # One at a line's end joins it with the next line, escaped or not.
    return re.sub(r"([=;#\\\n])", r"\\\1", text.rstrip("\\"))
