"""Opens a media file for reading, or says why it can't be read.

Used by `probe` and `inspect`, so that both report the same problem with a file.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.stream import Stream

NS: Final = 10**9

_CUT_OFF: Final = "An MP4 that was cut off before its index was written can't be read."


_DULL_NAMES: Final = frozenset(("VideoHandler", "SoundHandler"))
"""What libavformat calls each stream of an MP4 (libavformat/movenc.c, mov_write_hdlr_tag)."""


class Unreadable(Exception):
    """`problem` completes "The file …"; `advice` says what can be done."""

    def __init__(self, problem: str, advice: str = "", *, size_bytes: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.advice = advice
        self.size_bytes = size_bytes


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, int]]:
    """The file and its size in bytes. Blocking. Raises Unreadable, for errors while reading too."""
    size_bytes = _size_bytes(path)
    try:
        # Absolute, so that no name is taken for a protocol ("http:…").
        with av.open(str(path.absolute()), metadata_errors="replace") as container:
            if not len(container.streams):
                raise Unreadable("holds no streams", _CUT_OFF, size_bytes=size_bytes)
            yield container, size_bytes
    except OSError as error:
        raise _refused(error, size_bytes) from error
    except av.FFmpegError as error:
        raise Unreadable(
            f"is not a media file, or is incomplete: {words(error)}",
            _CUT_OFF,
            size_bytes=size_bytes,
        ) from error


def _size_bytes(path: Path) -> int:
    try:
        status = path.stat()
    except OSError as error:
        raise _refused(error) from error
    if stat.S_ISDIR(status.st_mode):
        raise Unreadable("is a folder", "Give the path of a file in it.")
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("is no regular file", "A pipe or a device can't be read.")
    if not status.st_size:
        raise Unreadable("is empty", "Nothing was ever written to it.")
    return status.st_size


def _refused(error: OSError, size_bytes: int = 0) -> Unreadable:
    return Unreadable(
        f"can't be read: {words(error)}",
        "Check the path and its permissions.",
        size_bytes=size_bytes,
    )


def words(error: Exception) -> str:
    """The message of ffmpeg or the system, without numbers and names."""
    return getattr(error, "strerror", None) or str(error)


def name_of(tags: Mapping[str, str]) -> str:
    """A stream's name as its file has it; "" without one."""
    name = tags.get("title") or tags.get("handler_name") or ""
    return "" if name in _DULL_NAMES else name


def seconds(value: int | None, time_base: Fraction | None) -> float | None:
    """A time in seconds; None where the file doesn't say it."""
    return None if value is None or time_base is None else float(value * time_base)


def nanoseconds(value: int | None, time_base: Fraction | None) -> int | None:
    """A time in whole nanoseconds, rounded; None where the file doesn't say it."""
    if value is None or time_base is None:
        return None
    twice = 2 * value * time_base.numerator * NS + time_base.denominator
    return twice // (2 * time_base.denominator)


def first_s(stream: Stream) -> float | None:
    """Where it begins; None where libavformat hasn't seen that."""
    # Matroska has no lengths of tracks: one with a length had no packet where libavformat looked,
    # and got beginning and length of the whole file (libavformat/demux.c).
    made_up = "matroska" in stream.container.format.name and stream.duration is not None
    return None if made_up else seconds(stream.start_time, stream.time_base)


def own_s(stream: Stream) -> float | None:
    """How long it is; None where the file doesn't say."""
    if "matroska" not in stream.container.format.name:
        return seconds(stream.duration, stream.time_base)
    # libavformat's own Matroska has a tag with the end of each track.
    end = re.fullmatch(r"(\d+):(\d\d):([\d.]+)", stream.metadata.get("DURATION", ""))
    begins_s = first_s(stream)
    if end is None or begins_s is None:
        return None
    return max(0.0, int(end[1]) * 3600 + int(end[2]) * 60 + float(end[3]) - begins_s)
