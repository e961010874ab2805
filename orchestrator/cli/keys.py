"""Single keys of a terminal while something runs."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress


@contextmanager
def keys(actions: Mapping[str, Callable[[], None]]) -> Iterator[None]:
    """Calls an action for each of its keys that is pressed; nothing without a terminal on stdin.

    Keys aren't shown and need no Enter; Ctrl-C and its like are signals as ever. A program in the
    background of a terminal, which may not read from it, leaves it as it is.
    """
    descriptor = _foreground()
    if descriptor is None:
        yield
        return
    before, loop = termios.tcgetattr(descriptor), asyncio.get_running_loop()

    def pressed() -> None:
        try:
            read = os.read(descriptor, 64)
        except OSError:
            read = b""
        if not read:  # the terminal is gone
            loop.remove_reader(descriptor)
        for key in read.decode("ascii", "ignore"):
            if key in actions:
                actions[key]()

    tty.setcbreak(descriptor, termios.TCSANOW)
    loop.add_reader(descriptor, pressed)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        with suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSANOW, before)


def _foreground() -> int | None:
    """Standard input, if it is a terminal that is ours to read from."""
    try:
        descriptor = sys.stdin.fileno()
        ours = os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except (OSError, ValueError, AttributeError):  # closed, or replaced by what is no file
        return None
    return descriptor if ours else None
