"""Standard streams of a program that runs for hours: closed ones, and readers that go away.

A recording must not end because its output is no longer read: its terminal was closed
(EIO), `| head` has seen enough (EPIPE), or it was started with `2>&-`.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_MODES: Final = ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY))


def open_closed_streams() -> None:
    """Opens /dev/null for standard streams that are closed.

    Otherwise the next file opened, for example the catalog, would become standard error.
    """
    for descriptor, mode in _MODES:
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
    sys.stdout = sys.stdout or _text(1)
    sys.stderr = sys.stderr or _text(2)


def outlive_readers() -> None:
    """From now on, output to stdout or stderr that can't be written is dropped without an error."""
    if sys.stdout is sys.__stdout__ and sys.stdout is not None:
        sys.stdout = _lasting(sys.stdout)
    if sys.stderr is sys.__stderr__ and sys.stderr is not None:
        sys.stderr = _lasting(sys.stderr)


def _text(descriptor: int) -> TextIO:
    return _over(descriptor, encoding="utf-8", errors="backslashreplace")


def _lasting(stream: TextIO) -> TextIO:
    with suppress(OSError):
        stream.flush()
    return _over(stream.fileno(), encoding=stream.encoding, errors=stream.errors)


def _over(descriptor: int, *, encoding: str, errors: str | None) -> TextIO:
    raw = io.BufferedWriter(_Lasting(descriptor))
    return io.TextIOWrapper(raw, encoding, errors, line_buffering=True)


class _Lasting(io.RawIOBase):
    """Writes to a descriptor while that works; never closes it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Buffer) -> int:
        with suppress(OSError):
            return os.write(self._descriptor, data)
        return memoryview(data).nbytes
