"""Some minute of chaos with everything real; ./scripts/chaos runs ten."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from rich.console import Console

from tests.chaos.__main__ import show
from tests.chaos.run import run
from tests.chaos.verdict import ALLOWED_S

pytestmark = pytest.mark.real_time

SEED: Final = 31717
"""Of a camera, the power, a microphone, the wall clock, a server, a worker and the disk."""


@pytest.mark.livekit
@pytest.mark.all_only
@pytest.mark.timeout(300)
async def test_a_minute_in_which_everything_fails(tmp_path: Path) -> None:
    # Twice what a fault may cost where there is CPU time for us: here others may use it.
    each_s = 2 * ALLOWED_S
    report = await run(
        SEED, tmp_path, seconds=75, recordings=3, guests=2, tell=print, each_s=each_s
    )
    show(report, Console(width=140))
    assert len(report.faults) >= 5
    assert report.problems == []
    assert {one.room for one in report.recordings} == {"room 1", "room 2", "room 3"}
    assert sum(one.seconds for one in report.recordings) > 40
    assert sum(one.stalls for one in report.recordings) >= 1


@pytest.mark.livekit
@pytest.mark.all_only
@pytest.mark.timeout(1500)
async def test_ten_minutes_as_the_script_runs_them(tmp_path: Path) -> None:
    report = await run(SEED, tmp_path, seconds=600, recordings=3, guests=2, tell=print)
    show(report, Console(width=140))
    assert report.problems == []
