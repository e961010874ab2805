"""Records LiveKit rooms while everything around the recordings fails; what ./scripts/chaos runs.

The exit status is 1 when anything is lost that should not be, or anything is left over.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.chaos.run import Report, run


def show(report: Report, console: Console) -> None:
    """A row for each recording; then the verdict."""
    table = Table(title=f"seed {report.seed}: {len(report.faults)} faults, {report.seconds:g} s")
    for column in ("id", "room", "how it ended"):
        table.add_column(column)
    figures = ("files", "s", "faults", "missing s", "longest gap s", "silent s", "A/V s")
    for column in figures:
        table.add_column(column, justify="right")
    for one in report.recordings:
        lost = (one.missing_s, one.longest_gap_s, one.silent_s)
        table.add_row(
            *(one.id[:8], one.room, escape(one.outcome), str(one.files)),
            *(f"{one.seconds:.1f}", str(one.faults), *(f"{figure:.1f}" for figure in lost)),
            f"{one.out_of_step_s:.2f}" if one.stalls else "",
        )
    console.print(table)
    for problem in report.problems:
        console.print(f"[red]{escape(problem)}[/red]")
    if not report.problems:
        console.print("Nothing is lost that need not be, and nothing is left over.")


def main() -> int:
    """Parse, run, print; the exit status."""
    parser = argparse.ArgumentParser(prog="./scripts/chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="for the same faults again; else by chance")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--recordings", type=int, default=3)
    parser.add_argument("--guests", type=int, choices=range(3), default=2, help="in each room")
    parser.add_argument("--json", type=Path, help="also write the report into this file")
    given = parser.parse_args()
    seed = random.randrange(10**6) if given.seed is None else given.seed
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(f"seed {seed}")
    how = {"seconds": given.seconds, "recordings": given.recordings, "guests": given.guests}
    how["tell"] = console.print
    with tempfile.TemporaryDirectory(prefix="haven-chaos-") as folder:
        report = asyncio.run(run(seed, Path(folder), **how))
    show(report, console)
    if given.json:
        found = asdict(report) | {"problems": report.problems}
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
