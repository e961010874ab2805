"""How true the times in recordings are, whatever the room does; part of ./scripts/bench."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys

from rich.console import Console
from rich.table import Table

from tests.kit.timing.scenarios import SCENARIOS

TIMED = {name: ("--scenario", name) for name in SCENARIOS} | {"5 % loss": ("--loss", "5")}
"""Options of tests/kit/timing."""


async def measure_timing(seconds: float) -> dict[str, dict[str, float]]:
    """Each scenario of tests/kit/timing in a process of its own, one after the other."""
    found = {}
    for name, options in TIMED.items():
        command = [sys.executable, "-m", "tests.kit.timing", "--seconds", str(seconds), *options]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        out, _ = await process.communicate()
        if process.returncode:
            print(f"{name} could not be measured: {shlex.join(command)}", file=sys.stderr)
            continue
        found[name] = json.loads(out)
    return found


def show_timing(found: dict[str, dict[str, float]], what: str) -> None:
    """A row for each figure, a column for each scenario."""
    table = Table(title=f"{what} against the publisher's own reports")
    table.add_column("figure")
    for name in found:
        table.add_column(name, justify="right")
    for figure in next(iter(found.values()), {}):
        table.add_row(figure, *(f"{one[figure]:.1f}" for one in found.values()))
    Console().print(table)
