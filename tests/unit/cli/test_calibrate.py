"""`orchestrator calibrate`, with a small film."""

from __future__ import annotations

import json
from functools import partial

import pytest

from orchestrator.capacity import calibration
from orchestrator.encoding.pipeline.film import Film
from tests.kit.cli import Here


@pytest.fixture
def here(here: Here, monkeypatch: pytest.MonkeyPatch) -> Here:
    small = partial(calibration.calibrate, film=Film(160, 96, 10))
    monkeypatch.setattr(calibration, "calibrate", small)
    return here


def test_a_line_for_each_step(here: Here) -> None:
    said = here.run("calibrate", "mp4")
    assert said.returncode == 0, said.stderr
    assert "cores at 720p30" in said.stdout
    steps = [line.split()[1] for line in said.stdout.splitlines() if "mp4" in line]
    assert steps == ["ultrafast", "superfast", "veryfast", "faster"]


def test_json_and_one_that_is_unknown(here: Here) -> None:
    rows = json.loads(here.run("calibrate", "webm", "--json").stdout)
    assert [row["step"] for row in rows] == ["8", "7", "6", "5"]
    assert all(row["cpu_s_per_megapixel"] > 0 for row in rows)
    copying = here.run("calibrate", "copy")
    assert copying.returncode == 1
    assert "copy copies frames as they come: there is no encoder" in copying.stderr
    unknown = here.run("calibrate", "nonsense")
    assert unknown.returncode == 1
    assert "Unknown pipeline: nonsense" in unknown.stderr
