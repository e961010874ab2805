"""Parses the reports of ffmpeg's ``-progress`` pipe. Pure.

A block is lines of ``key=value`` that end with ``progress=continue`` or ``progress=end`` (ffmpeg's
fftools/ffmpeg.c, print_report). Values may be ``N/A``, keys may be missing (no ``frame`` without
video), and ``out_time_ms`` counts microseconds in spite of its name, so it is not read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_LINE_LIMIT: Final = 1024
"""Longest line kept, in characters; ffmpeg's are under 40."""

_KEYS_LIMIT: Final = 64
"""Most keys in a block: ffmpeg writes about a dozen, and one for each output stream."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One report. None where ffmpeg reported nothing or N/A."""

    frame: int | None = None
    """Frames encoded so far."""
    fps: float | None = None
    speed: float | None = None
    """Media seconds encoded for each second of the clock, since the start."""
    bitrate_bps: float | None = None
    total_size_bytes: int | None = None
    out_time_s: float | None = None
    """End of the output so far."""
    drop_frames: int | None = None
    done: bool = False
    """The last block: ffmpeg has written its trailer, or given up."""

    @property
    def begun(self) -> bool:
        """Whether anything was encoded: a frame, or (without video) some time."""
        return bool(self.frame) or (self.out_time_s or 0) > 0

    @property
    def position(self) -> tuple[int, float, int]:
        """Advances while encoding does: compare two reports by it."""
        return (self.frame or 0, self.out_time_s or 0.0, self.total_size_bytes or 0)


class ProgressParser:
    """Takes the pipe's bytes in pieces; returns the blocks that they complete."""

    def __init__(self) -> None:
        self._rest = ""
        self._block: dict[str, str] = {}

    def feed(self, data: bytes) -> list[Progress]:
        """The blocks that `data` completes, oldest first."""
        *lines, rest = (self._rest + data.decode("ascii", "replace")).split("\n")
        self._rest = rest[-_LINE_LIMIT:]
        return [block for line in lines if (block := self._line(line)) is not None]

    def _line(self, line: str) -> Progress | None:
        key, separator, value = line.partition("=")
        if not separator:
            return None
        if key.strip() == "progress":
            values, self._block = self._block, {}
            return parse_block(values, done=value.strip() == "end")
        if len(self._block) < _KEYS_LIMIT:
            self._block[key.strip()] = value.strip()
        return None


def parse_block(values: dict[str, str], *, done: bool) -> Progress:
    """One block's keys and values as a report."""
    bitrate = _number(values.get("bitrate", "").removesuffix("kbits/s"))
    out_time_us = _number(values.get("out_time_us"))
    return Progress(
        frame=_whole(values.get("frame")),
        fps=_number(values.get("fps")),
        speed=_number(values.get("speed", "").removesuffix("x")),
        bitrate_bps=None if bitrate is None else bitrate * 1000,
        total_size_bytes=_whole(values.get("total_size")),
        out_time_s=None if out_time_us is None else out_time_us / 1_000_000,
        drop_frames=_whole(values.get("drop_frames")),
        done=done,
    )


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _whole(text: str | None) -> int | None:
    value = _number(text)
    return None if value is None else int(value)
