"""A row's live figures as a model: those of this version, of others, and of nobody."""

from __future__ import annotations

import copy
import os
from typing import Any

import pytest

from orchestrator.monitor.usage import ProcessUsage
from orchestrator.recordings.figures import (
    LiveFigures,
    ProcessesFigures,
    ProcessFigures,
    VideoFigures,
    total,
)
from tests.kit.catalog.rows import recording
from tests.unit.worker.test_status_report import BEFORE_THE_FIRST_FRAME, RUNNING

USAGE = {"pid": 11, "since": "2026-01-02T12:00:00.250000+00:00", "cpu_cores": 0.25, "nice": 5}
PROCESSES = {"processes": {"worker": USAGE, "ffmpeg": None}}
SINCE = {"no_video_since": "2026-01-02T12:00:00+00:00"}


@pytest.mark.parametrize(
    "stored",
    [
        BEFORE_THE_FIRST_FRAME | PROCESSES | {"video": SINCE, "audio": {}},
        RUNNING | PROCESSES | {"encoder": {"log": "0001.log"}},
        {},
        {"retry_after_s": 12.5},
    ],
    ids=["before the first frame", "running", "none", "refused by the stream's server"],
)
def test_what_is_stored_is_read_and_written_again(stored: dict[str, Any]) -> None:
    row = recording("a", figures=stored)
    before = copy.deepcopy(stored)
    figures = LiveFigures.of(row)
    assert figures.as_json() == stored
    assert row.figures is stored
    assert stored == before, "reading changes nothing"


def test_figures_of_a_running_recording() -> None:
    figures = LiveFigures.of(recording("a", figures=RUNNING | PROCESSES))
    assert (figures.duration_s, figures.speed_step, figures.restarts) == (3.003, 1, 2)
    assert (figures.video.width, figures.video.published) == (640, True)
    assert figures.video.colors == (6, 6, 6, False)
    assert (figures.encoder.frames, figures.source.participants) == (88, 7)
    (worker,) = figures.processes.reported
    assert (worker.pid, worker.since and worker.since.microsecond) == (11, 250000)


def test_a_new_row_has_none() -> None:
    figures = LiveFigures.of(recording("a", figures=None))
    assert figures == LiveFigures()
    assert (figures.duration_s, figures.video.fps, figures.warnings) == (None, None, ())
    assert figures.processes.reported == ()


@pytest.mark.parametrize("nothing", [None, "x", 7, [1], True])
def test_what_is_no_group_of_figures_has_none(nothing: Any) -> None:
    stored = dict.fromkeys(("video", "audio", "encoder", "processes", "warnings"), nothing)
    figures = LiveFigures.of(recording("a", figures=stored | {"duration_s": 2}))
    assert (figures.video.fps, figures.encoder.speed) == (None, None)
    assert figures.processes.reported == ()
    assert figures.duration_s == 2.0


@pytest.mark.parametrize("odd", ["many", float("nan"), float("inf"), [], {}, None])
def test_an_odd_figure_was_not_measured_and_spoils_no_other(odd: Any) -> None:
    video = {"received": odd, "fps": odd, "written": 90.6, "no_video_since": odd}
    stored = {"video": video, "unknown": {"x": 1}, "warnings": ["one"]}
    figures = LiveFigures.of(recording("a", figures=stored))
    assert (figures.video.received, figures.video.fps) == (None, None)
    assert figures.video.no_video_since is None
    assert (figures.video.written, figures.warnings) == (91, ("one",))


@pytest.mark.parametrize(
    ("video", "published"), [({}, True), ({"codec": None}, False), ({"codec": "VP8"}, True)]
)
def test_only_a_row_that_says_so_has_no_video(video: dict[str, Any], published: bool) -> None:
    assert VideoFigures.model_validate(video).published is published


def test_a_process_that_is_not_there_is_null() -> None:
    usage = ProcessUsage(os.getpid()).sample()
    assert usage is not None
    both = ProcessesFigures(worker=ProcessFigures.of(usage), ffmpeg=ProcessFigures.of(None))
    written = LiveFigures(processes=both).as_json()["processes"]
    assert written["ffmpeg"] is None
    assert written["worker"]["since"] == usage.since.isoformat()
    assert (written["worker"]["pid"], written["worker"]["cpu_cores"]) == (os.getpid(), None)


def test_a_sum_of_unknown_figures_is_unknown() -> None:
    assert total([1, 2]) == 3
    assert total([0.5, None]) is None
    assert total(list[int | None]()) is None
