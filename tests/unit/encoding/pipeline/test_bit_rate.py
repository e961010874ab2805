"""The bit rate that was asked for, at every frame rate: real encodes of film through the pipe.

Until now bit rates were only looked at with 30 frames a second, which the pipe's header said.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.encoding.pipeline.command import Pipelines
from tests.kit.bitrates import Asked, Pieces, encoded, kbit_s

BUILT_IN = ["av1", "av1-svt", "mp4", "webm"]
ASKED = Asked(320, 180, 400_000)
SECONDS = 9.0
CHANGING: Pieces = [(3, 30), (3, 5), (3, 60)]


@pytest.mark.parametrize("fps", [5, 15, 30, 60])
@pytest.mark.parametrize("name", BUILT_IN)
async def test_the_bit_rate_is_the_one_asked_for(tmp_path: Path, name: str, fps: float) -> None:
    """At 5 frames a second it was a third of it with AV1, at 60 twice as much."""
    pipeline = Pipelines.load(None).get(name)
    expected_fps = fps if pipeline.fixed_rate else 30
    file = await encoded(pipeline, ASKED, [(SECONDS, fps)], tmp_path, expected_fps=expected_fps)
    assert kbit_s(file, 0, SECONDS) == pytest.approx(ASKED.bitrate_bps / 1000, rel=0.15)


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "av1-svt"])
async def test_it_is_so_when_the_frame_rate_changes(tmp_path: Path, name: str) -> None:
    """SVT-AV1 begins a new segment (`FIXED_RATE`): tests/integration/recordings/test_rates.py."""
    file = await encoded(Pipelines.load(None).get(name), ASKED, CHANGING, tmp_path, expected_fps=30)
    assert kbit_s(file, 0, SECONDS) == pytest.approx(ASKED.bitrate_bps / 1000, rel=0.15)
    for begin in (0, 3, 6):
        found = kbit_s(file, begin, begin + 3)
        assert found == pytest.approx(ASKED.bitrate_bps / 1000, rel=0.35), begin
