"""Small programs that use a catalog in processes of their own."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path


async def python(code: str, *arguments: str) -> tuple[int, str]:
    """How the program ended, and all that it printed; a warning is an error there too."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", code, *arguments,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()
