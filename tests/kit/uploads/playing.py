"""Plays HLS with ffmpeg, from its beginning to its end, and compares what it decodes."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from pathlib import Path

from tests.kit.fakes import REAL

Decoded = list[str]
"""MD5 of each frame of the first video, in order."""


async def decoded(address: str | Path, *, within_s: float = 120) -> Decoded:
    """What ffmpeg decodes of a file or a playlist: one that grows is followed to its end."""
    live = ("-live_start_index", "0") if str(address).endswith(".m3u8") else ()
    process = await asyncio.create_subprocess_exec(
        *(REAL, "-v", "error", "-nostdin", *live, "-i", str(address)),
        *("-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"),
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(within_s):
            text, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    lines = text.decode().splitlines()
    return [line.rpartition(",")[2].strip() for line in lines if not line.startswith("#")]
