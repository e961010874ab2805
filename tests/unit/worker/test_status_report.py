"""What a worker writes of its recording once a second: as JSON, the same as ever."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.catalog.models import Sample
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.process.progress import Progress
from orchestrator.encoding.process.states import ProcessState
from orchestrator.encoding.process.supervisor import Supervisor
from orchestrator.media import BT601, Publication, TrackKind
from orchestrator.pipes.canvas import Losses
from orchestrator.pipes.frame_queue import FrameQueue
from orchestrator.sources.source import (
    ParticipantsChanged,
    PublicationAdded,
    PublicationsUpdated,
    Source,
    SourceStatistics,
)
from orchestrator.worker import status_report
from orchestrator.worker.segments.open_segment import SegmentTotals
from orchestrator.worker.segments.segments import Segments
from orchestrator.worker.status_report import StatusReporter
from orchestrator.worker.tracks.canvas_policy import CanvasPolicy
from orchestrator.worker.tracks.decoded_capture import DecodedCapture
from orchestrator.worker.tracks.selection_policy import SelectionPolicy

USAGE = [
    *("pid", "since", "cpu_cores", "cpu_cores_1m", "cpu_seconds", "rss_bytes"),
    *("threads", "written_bytes", "nice"),
]
BEFORE_THE_FIRST_FRAME = {
    "video": {
        "codec": None,
        "width": None,
        "height": None,
        "colors": None,
        "received": 0,
        "late": 0,
        "filled": 0,
        "dropped": 0,
        "no_video_since": "then",
        "no_video_reason": "No video is published; black frames are recorded.",
    },
    "audio": {
        "received_s": 0.0,
        "written_s": 0.0,
        "filled_s": 0.0,
        "concealed_s": 0.0,
        "late_s": 0.0,
        "dropped_s": 0.0,
        "no_audio_since": "then",
        "no_audio_reason": "No audio is published; silence is recorded.",
    },
    "queue": {"bytes": 0, "peak_bytes": 0, "limit_bytes": 1048576},
    "source": {
        "state": "connected",
        "participants": 0,
        "packets_received": 1200,
        "packets_lost": 3,
        "frames_undecodable": 0,
        "frames_undecryptable": 0,
        "reconnects": 1,
        "sender_reports": 4,
        "drift_ppm": -21.5,
    },
    "encoder": None,
    "measured_cores": None,
    "processes": {"worker": USAGE, "ffmpeg": None, "input": None},
    "encoding": None,
    "restarts": 0,
    "warnings": [
        "No video is published; black frames are recorded.",
        "No audio is published; silence is recorded.",
    ],
    "duration_s": None,
}
RUNNING = BEFORE_THE_FIRST_FRAME | {
    "video": {
        "codec": "VP8",
        "width": 640,
        "height": 360,
        "colors": [6, 6, 6, False],
        "received": 0,
        "late": 0,
        "filled": 0,
        "dropped": 2,
        "no_video_since": None,
        "no_video_reason": None,
        "written": 90,
        "fps": None,
        "planned_fps": 29.97,
    },
    "audio": {
        **cast(dict[str, Any], BEFORE_THE_FIRST_FRAME["audio"]),
        "no_audio_since": None,
        "no_audio_reason": None,
    },
    "source": {**cast(dict[str, Any], BEFORE_THE_FIRST_FRAME["source"]), "participants": 7},
    "encoder": {
        "log": "0001.log",
        "progress_age_s": "measured",
        "frames": 88,
        "dropped": 1,
        "fps": 30.0,
        "speed": 0.99,
        "bitrate_bps": 2014000.0,
        "size_bytes": 500000,
        "out_time_s": 2.9,
    },
    "processes": {"worker": USAGE, "ffmpeg": USAGE, "input": None},
    "encoding": "running",
    "restarts": 2,
    "warnings": [
        "5 frames of up to 1280x720 were scaled down.",
        "3 frames or blocks of audio could not be written; they are lost.",
    ],
    "first_frame_s": 1.5,
    "duration_s": 3.003,
    "pipe_bytes": 123456,
    "refused": 3,
    "part": 2,
    "speed_step": 1,
}


@dataclass
class Kept:
    """A catalog that keeps the reports."""

    reports: list[dict[str, Any]] = field(default_factory=list)

    async def report(
        self, id: str, figures: dict[str, Any], at: datetime, samples: Sequence[Sample]
    ) -> None:
        """As the real one: it is written as JSON."""
        assert samples[0].role == "worker"
        self.reports.append(json.loads(json.dumps(figures, allow_nan=False)))


SOURCE = cast(
    Source,
    SimpleNamespace(
        statistics=lambda: SourceStatistics(
            packets_received=1200, packets_lost=3, sender_reports=4, reconnects=1, drift_ppm=-21.5
        )
    ),
)


def capture_of(*publications: Publication) -> DecodedCapture:
    """A capture in a room with these publications."""
    capture = DecodedCapture(
        FrameQueue(2**20),
        SelectionPolicy(),
        origin_ns=None,
        canvas_policy=CanvasPolicy(None),
        note=lambda *_, **__: None,
    )
    for publication in publications:
        capture.on_event(PublicationAdded(publication))
    capture.on_event(PublicationsUpdated())
    capture.look()
    return capture


def with_constants(report: dict[str, Any]) -> dict[str, Any]:
    """Without what another run of the test would measure."""
    for name in ("no_video_since", "no_audio_since"):
        group = report["video" if "video" in name else "audio"]
        if group[name] is not None:
            assert datetime.fromisoformat(group[name]).isoformat() == group[name]
            group[name] = "then"
    for role, usage in report["processes"].items():
        if usage is not None:
            assert datetime.fromisoformat(usage["since"]).isoformat() == usage["since"]
            report["processes"][role] = list(usage)
    if (report["encoder"] or {}).get("progress_age_s") is not None:
        report["encoder"]["progress_age_s"] = "measured"
    return report


async def test_before_the_first_frame() -> None:
    kept = Kept()
    status = StatusReporter(cast(Catalog, kept), "a", os.getpid(), asked_ns=0)
    await status.report(capture_of(), SOURCE, None, None)
    (report,) = kept.reports
    assert with_constants(report) == BEFORE_THE_FIRST_FRAME


def running(state: ProcessState) -> Supervisor:
    """A supervisor whose ffmpeg is this process."""
    run = SimpleNamespace(
        pid=os.getpid(),
        alive=True,
        log_path=Path("/recordings/0001.log"),
        moved_at_s=time.monotonic(),
        progress=Progress(88, 30.0, 0.99, 2014000.0, 500000, 2.9, 1),
    )
    return cast(Supervisor, SimpleNamespace(current=run, state=state, restarts=2))


def written() -> Segments:
    """Segments of three seconds."""
    totals = SegmentTotals(90, 0, 2, 0, 3.003, 123456, 3, Losses(squeezed=5, largest=(1280, 720)))
    return cast(
        Segments,
        SimpleNamespace(
            totals=lambda: totals,
            first_ns=1_500_000_000,
            part=2,
            running_step=1,
            encoder_input=lambda: {"planned_fps": 29.97, "width": 640, "height": 360},
        ),
    )


async def test_a_running_one() -> None:
    kept = Kept()
    status = StatusReporter(cast(Catalog, kept), "a", os.getpid(), asked_ns=0)
    capture = capture_of(
        Publication("TR_V", TrackKind.VIDEO, mime_type="video/vp8"),
        Publication("TR_A", TrackKind.AUDIO, mime_type="audio/opus"),
    )
    capture.on_event(ParticipantsChanged(7))
    capture.colors = BT601
    await status.report(capture, SOURCE, written(), running(ProcessState.RUNNING))
    assert with_constants(kept.reports[-1]) == RUNNING


async def test_the_last_report_has_what_was_measured_while_ffmpeg_ran() -> None:
    kept = Kept()
    status = StatusReporter(cast(Catalog, kept), "a", os.getpid(), asked_ns=0)
    capture = capture_of()
    await status.report(capture, SOURCE, written(), running(ProcessState.RUNNING))
    ended = running(ProcessState.STOPPED)
    ended.current = None
    await status.report(capture, SOURCE, written(), ended)
    first, last = kept.reports
    assert (last["encoder"], last["processes"]) == (first["encoder"], first["processes"])
    assert last["encoding"] == "stopped"


def writing_itself() -> Supervisor:
    """A supervisor whose run is a thread of this process."""
    run = SimpleNamespace(pid=None, alive=True, log_path=None, progress=None, moved_at_s=0.0)
    supervisor = SimpleNamespace(current=run, state=ProcessState.RUNNING, restarts=0)
    return cast(Supervisor, supervisor)


async def test_of_one_that_copies_the_worker_alone_is_what_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(status_report, "LEAST_S", 1e-9)
    kept = Kept()
    status = StatusReporter(cast(Catalog, kept), "a", os.getpid(), asked_ns=0)
    for _ in range(2):
        await status.report(capture_of(), SOURCE, written(), writing_itself())
    assert kept.reports[-1]["measured_cores"] is not None
    assert (kept.reports[-1]["encoder"], kept.reports[-1]["processes"]["ffmpeg"]) == (None, None)
    # Without any run nobody knows what it will take.
    await status.report(capture_of(), SOURCE, None, None)
    assert kept.reports[-1]["measured_cores"] is None
