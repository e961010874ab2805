"""`orchestrator inspect`: measures a recording, or any other media file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.cli.formatting import AsJson, console, print_json, print_table

if TYPE_CHECKING:
    from orchestrator.mediafiles.inspect.findings import Finding
    from orchestrator.mediafiles.inspect.read import OnProgress

MARKS: Final = {"ok": "ok  ", "warning": "warn", "failed": "FAIL"}


def inspect(
    file: Annotated[Path, typer.Argument(help="A recording, or any file that ffmpeg reads.")],
    fast: Annotated[
        bool, typer.Option("--fast", help="Read packets without decoding; takes seconds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure a file: streams, frame times, gaps, still frames, silence, damage."""
    from orchestrator.cli.inspection_table import rows
    from orchestrator.mediafiles.inspect.findings import findings
    from orchestrator.mediafiles.inspect.read import inspect as read

    with _progress(file.name) as on_progress:
        found = read(file, decode=not fast, on_progress=on_progress)
    listed = findings(found)
    if as_json:
        print_json(asdict(found) | {"findings": [asdict(finding) for finding in listed]})
    else:
        print_table(("", ""), rows(found), head=False)
        for finding in listed:
            print(f"{MARKS[finding.verdict]} {finding.text}")
    _refuse_damage(file, listed)


def _refuse_damage(file: Path, listed: list[Finding]) -> None:
    from orchestrator.errors import InvalidRequest

    failed = [finding.text for finding in listed if finding.verdict == "failed"]
    if failed:
        raise InvalidRequest(f"{file}: {failed[0]}", "The report covers what could be read.")


@contextmanager
def _progress(name: str) -> Iterator[OnProgress | None]:
    """A progress bar on stderr if it is a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    shown = console(stderr=True)
    if not shown.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.percentage:3.0f} %"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=shown, transient=True) as progress:
        task = progress.add_task(name, total=1.0)
        yield lambda done: progress.update(task, completed=done)
