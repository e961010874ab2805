"""The recorder's wall clock is set while processes run; the monotonic clock and sleep stay."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Final

import pytest

from tests.chaos.wallclock import STEP_S, WallClock, why_none

MISSING: Final = why_none()

PROGRAM: Final = """
import time
from datetime import datetime
while True:
    began = time.monotonic()
    time.sleep(0.1)
    print(time.time(), datetime.now().timestamp(), began, time.monotonic() - began, flush=True)
"""


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
async def test_a_running_process_sees_the_step_and_sleeps_as_before(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    environment = os.environ | clock.environment
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, stdout=PIPE, env=environment
    )
    assert process.stdout is not None

    async def until_ahead(seconds: float) -> None:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            while line := (await process.stdout.readline()).decode():
                wall_s, told_s, began_s, slept_s = map(float, line.split())
                assert 0 <= time.monotonic() - began_s < 20
                assert slept_s >= 0.09
                ahead_s = [clock_s - time.time() for clock_s in (wall_s, told_s)]
                if all(abs(ahead - seconds) < 20 for ahead in ahead_s):
                    return

    try:
        await until_ahead(0)
        clock.step()
        await until_ahead(STEP_S)
        clock.step()
        await until_ahead(-STEP_S)
        clock.set_off(0)
        await until_ahead(0)
    finally:
        process.kill()
        await process.communicate()
