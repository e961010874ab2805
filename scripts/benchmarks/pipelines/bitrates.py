"""What bit rate comes of each pipeline at each frame rate.

./scripts/bench bitrates

Film through the recorder's own pipe and command, as fast as ffmpeg takes it: tests/kit/bitrates.py
says why the files are those of a live stream.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from orchestrator.encoding.pipeline.loading import Pipelines
from tests.kit.bitrates import Asked, Pieces, encoded, kbit_s

ASKED: Final = Asked(320, 180, 300_000)
SECONDS: Final = 9
CASES: Final[dict[str, Pieces]] = {
    **{str(fps): [(SECONDS, fps)] for fps in (5, 15, 30, 60)},
    "30, 5, 60": [(SECONDS / 3, 30), (SECONDS / 3, 5), (SECONDS / 3, 60)],
}


async def measured(name: str, pieces: Pieces) -> float | None:
    """Kbit/s of the video; None for a change that begins a new segment."""
    pipeline = Pipelines.load(None).get(name)
    if pipeline.fixed_rate and len(pieces) > 1:
        return None
    with tempfile.TemporaryDirectory() as folder:
        expected_fps = pieces[0][1] if pipeline.fixed_rate else 30
        file = await encoded(pipeline, ASKED, pieces, Path(folder), expected_fps=expected_fps)
        return kbit_s(file, 0, SECONDS)


async def main() -> None:
    table = Table("pipeline", *CASES, title=f"kbit/s, asked for {ASKED.bitrate_bps // 1000}")
    for name in ("av1", "av1-svt", "mp4", "webm"):
        found = [await measured(name, pieces) for pieces in CASES.values()]
        table.add_row(name, *("-" if each is None else f"{each:.0f}" for each in found))
        Console().print(name, found)
    Console().print(table)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    asyncio.run(main())
