"""Rows to put into a catalog."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orchestrator.catalog.models import Recording, Sample, Segment

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def recording(id: str, stream_id: str = "room", **columns: Any) -> Recording:
    values: dict[str, Any] = {
        "stream": {"id": stream_id},
        "output_format": "av1",
        "pipeline": "av1",
        "video_quality": "high",
        "audio_quality": "high",
        "video_codec": "libaom-av1",
        "audio_codec": "aac",
        "output_path": f"/out/{id}.av1",
        "work_directory": f"/out/.{id}.av1.haven",
        "created_at": NOON,
    }
    return Recording(id=id, stream_id=stream_id, **(values | columns))


def segment(recording_id: str, number: int) -> Segment:
    return Segment(recording_id=recording_id, number=number, path=f"/{number}", started_at=NOON)


def sample(recording_id: str, after_s: float) -> Sample:
    return Sample(
        recording_id=recording_id,
        at=NOON + timedelta(seconds=after_s),
        role="worker",
        pid=1,
        cpu_cores=None,
        cpu_seconds=0.5,
        rss_bytes=1024,
    )
