"""Output of all commands: consoles, tables, JSON for scripts, and the format of quantities."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

Config = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file, instead of ./orchestrator.toml.", metavar="FILE"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

UNKNOWN: Final = "-"
"""Shown where nothing was measured."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, which terminals obey, and lone surrogates, which UTF-8 can't encode."""


def plain(text: str) -> str:
    """Text of others (a server's answer, a name in a file) as it may go to a terminal."""
    return _CONTROL.sub(" ", text)


def console(*, stderr: bool = False) -> Console:
    """A rich console; without a terminal plain text that is never wrapped or cut."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 500
    return Console(stderr=stderr, width=width, highlight=False)


def print_json(data: Any) -> None:
    """Prints JSON, and nothing else, to stdout."""
    print(json.dumps(data, indent=2, default=str, ensure_ascii=False))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, head: bool = True
) -> None:
    """A table without lines; the cells are text, never markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = console()
    table = Table(box=box.SIMPLE_HEAD if shown.is_terminal and head else None, show_header=head)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    shown.print(table)


def size(value_bytes: float | None) -> str:
    """Bytes as `12.3 MB` (decimal, like file managers)."""
    if value_bytes is None:
        return UNKNOWN
    for unit in ("B", "kB", "MB", "GB"):
        if value_bytes < 1000:
            return f"{value_bytes:.0f} {unit}" if unit == "B" else f"{value_bytes:.1f} {unit}"
        value_bytes /= 1000
    return f"{value_bytes:.2f} TB"


def duration(value_s: float | None) -> str:
    """Seconds as `1:02:03.4`, hours only where there are some."""
    if value_s is None:
        return UNKNOWN
    minutes, seconds = divmod(round(value_s, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{seconds:04.1f}" if hours else f"{minutes}:{seconds:04.1f}"


def number(value: float | None, form: str = ".0f") -> str:
    """The number as `form` writes it; `-` where there is none."""
    return UNKNOWN if value is None else format(value, form)
