"""What a server and its zygote keep in memory while nothing is recorded.

`./scripts/bench idle`: with a new catalog, then with the one that is there. RSS counts pages that
several processes share in each of them (libraries), PSS shares them out.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.kit.recordings.machine import Machine
from tests.kit.recordings.waits import eventually

SETTLE_S: Final = 10.0
"""In which the zygote imports what it needs, and the first looks are over."""

NAMES: Final = ("server", "zygote")


async def measure(machine: Machine) -> dict[str, tuple[float, float]]:
    """RSS and PSS in MB, by process."""
    async with machine.serving() as serving:
        await eventually(
            lambda: len(machine.processes()) == len(NAMES), machine.processes, within_s=60
        )
        await asyncio.sleep(SETTLE_S)
        found = {}
        for process in machine.processes():
            name = NAMES[process.pid != serving.process.pid]
            used = await asyncio.to_thread(process.memory_full_info)
            found[name] = (used.rss / 1e6, used.pss / 1e6)
        return found


async def main() -> None:
    """Both, as a table."""
    table = Table(title="Memory at rest, MB")
    for column in ("process", "RSS", "PSS"):
        table.add_column(column, justify="left" if column == "process" else "right")
    with tempfile.TemporaryDirectory(prefix="haven-bench-") as folder:
        machine = Machine(Path(folder))
        machine.settings["WORKER_IN_RESERVE"] = "true"
        for catalog in ("new", "existing"):
            for name, (rss, pss) in (await measure(machine)).items():
                table.add_row(f"{name}, {catalog} catalog", f"{rss:.0f}", f"{pss:.0f}")
    Console().print(table)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    asyncio.run(main())
