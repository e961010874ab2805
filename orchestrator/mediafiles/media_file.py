"""Opens a media file for reading, or says why it can't be read.

Used by `probe` and `inspect`, so that both report the same problem with a file.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer

NS: Final = 10**9

_CUT_OFF: Final = "An MP4 that was cut off before its index was written can't be read."


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


def seconds(value: int | None, time_base: Fraction | None) -> float | None:
    """A time in seconds; None where the file doesn't say it."""
    return None if value is None or time_base is None else float(value * time_base)


def nanoseconds(value: int | None, time_base: Fraction | None) -> int | None:
    """A time in whole nanoseconds, rounded; None where the file doesn't say it."""
    if value is None or time_base is None:
        return None
    twice = 2 * value * time_base.numerator * NS + time_base.denominator
    return twice // (2 * time_base.denominator)
