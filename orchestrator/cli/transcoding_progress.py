"""Encoding a file again on the terminal: a bar there, plain lines elsewhere; on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.text import Text

from orchestrator.cli.formatting import UNKNOWN, console, duration, number, plain, print_table, size
from orchestrator.transcoding.result import TranscodingProgress, TranscodingResult
from orchestrator.transcoding.transcode import OnProgress

PLAIN_EVERY_S: Final = 10.0
"""Interval of lines without a terminal (a log file, a pipe)."""


def line(name: str, progress: TranscodingProgress) -> str:
    """One line: stage, percentage, frame rate, time left. Pure."""
    shown = [f"{progress.stage} {plain(name)}", f"{progress.share:.0%}"]
    if progress.stage == "encoding":
        left = UNKNOWN if progress.left_s is None else duration(progress.left_s)
        shown += [f"{number(progress.fps, '.1f')} fps", f"{left} left"]
    return " | ".join(shown)


@contextmanager
def shown_progress(name: str) -> Iterator[OnProgress]:
    """Draws what it is told."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield _Lines(name).show
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task(name, total=1.0)
        yield lambda progress: bar.update(
            task, completed=progress.share, description=line(name, progress)
        )


class _Lines:
    """A line at each new stage, and every few seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stage: str | None = None
        self._printed_s = 0.0

    def show(self, progress: TranscodingProgress) -> None:
        """Prints it, if it is time for that."""
        now = time.monotonic()
        if progress.stage == self._stage and now - self._printed_s < PLAIN_EVERY_S:
            return
        self._stage, self._printed_s = progress.stage, now
        console(stderr=True).print(Text(line(self._name, progress)))


def summary(result: TranscodingResult) -> None:
    """Prints what came of it to stdout."""
    print_table(("", ""), facts(result), head=False)


def facts(result: TranscodingResult) -> list[tuple[str, str]]:
    """What came of it. Pure."""
    share = result.output_bytes / result.source_bytes if result.source_bytes else 0.0
    rate = f", {result.fps:.1f} fps" if result.fps is not None else ""
    found = [
        ("file", str(result.output)),
        ("size", f"{size(result.output_bytes)}, {share:.0%} of {size(result.source_bytes)}"),
        ("duration", duration(result.duration_s)),
        ("frames", _frames(result)),
        ("audio", ", ".join(result.audio)),
        ("left out", ", ".join(result.left_out)),
        ("VMAF", _vmaf(result)),
        ("took", f"{duration(result.took_s)}{rate}"),
        ("source", f"{result.source} {'removed' if result.replaced else 'kept'}"),
    ]
    return [(name, value) for name, value in found if value]


def _frames(result: TranscodingResult) -> str:
    chunks = "1 chunk" if result.chunks == 1 else f"{result.chunks} chunks"
    return f"{result.frames} in {chunks}" if result.frames else ""


def _vmaf(result: TranscodingResult) -> str:
    if result.vmaf is None:
        return ""
    return f"{result.vmaf:.2f}, worst frame {number(result.vmaf_least, '.2f')}"
