"""The frame rate in a worker's status reports."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.catalog.store import Catalog
from orchestrator.encoding.process.states import ProcessState
from orchestrator.pipes.canvas import Losses
from orchestrator.worker import status_report
from orchestrator.worker.segments.open_segment import SegmentTotals
from orchestrator.worker.status_report import StatusReporter
from tests.unit.worker.test_status_report import SOURCE, Kept, capture_of, running, written


@pytest.mark.parametrize(
    ("reports", "rates"),
    [
        # seconds since the report before, frames, where the file reaches
        ([(0, 60, 2), (1, 90, 3), (0.01, 97, 3.23), (1, 127, 4.23)], [None, 30, 30, 30]),
        ([(0, 30, 1), (1, 60, 2), (1, 60, 2), (1, 60, 2)], [None, 30, 15, 0]),
        ([(0, 30, 1), (1, 60, 2), (1, 60, 2), (1, 60, 2), (1, 180, 6)], [None, 30, 15, 0, 30]),
    ],
    ids=["a report right behind another", "nothing comes", "what waited comes at once"],
)
async def test_a_frame_rate_is_that_of_the_frames_by_their_own_times(
    monkeypatch: pytest.MonkeyPatch,
    reports: list[tuple[float, int, float]],
    rates: list[float | None],
) -> None:
    kept, now_s = Kept(), 100.0
    monkeypatch.setattr(status_report, "time", SimpleNamespace(monotonic=lambda: now_s))
    status = StatusReporter(cast(Catalog, kept), "a", os.getpid(), asked_ns=0)
    segments = cast(Any, written())
    for later_s, *reached in reports:
        now_s += later_s
        segments.totals = lambda by=reached: SegmentTotals(by[0], 0, 0, 0, by[1], 1, 0, Losses())
        await status.report(capture_of(), SOURCE, segments, None)
    assert [report["video"]["fps"] for report in kept.reports] == [
        rate and pytest.approx(rate, abs=0.1) for rate in rates
    ]
    segments.totals = lambda: SegmentTotals(999, 0, 0, 0, reports[-1][2], 1, 0, Losses())
    now_s += 3
    await status.report(capture_of(), SOURCE, segments, running(ProcessState.STOPPED))
    last, end = kept.reports[-2:]
    assert end["video"]["fps"] == last["video"]["fps"], "what is written at the end is no rate"
