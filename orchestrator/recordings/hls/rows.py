"""What the catalog knows of a recording's segments and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from orchestrator.catalog.hls_runs.model import HlsRun
from orchestrator.catalog.models import File, Recording, Segment
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.store import Catalog
from orchestrator.errors import RecordingNotFound
from orchestrator.recordings.output_states import OutputState
from orchestrator.recordings.states import ACTIVE


@dataclass(frozen=True, slots=True)
class Rows:
    """At one moment."""

    recording: Recording
    segments: Sequence[Segment]
    files: dict[int, File]
    """By part."""
    pauses: Sequence[Pause]
    saved: dict[int, HlsRun]
    """By segment: of those that were joined."""
    outputs: Sequence[OutputRow]
    """Those of HLS that weren't removed."""

    @property
    def runs(self) -> bool:
        """Whether it is being recorded."""
        return self.recording.state in ACTIVE


async def read(catalog: Catalog, recording_id: str) -> Rows:
    """All of it in one transaction; RecordingNotFound, Unavailable."""

    def work(session: Session) -> Rows:
        recording = session.get(Recording, recording_id)
        if recording is None:
            raise RecordingNotFound(recording_id)
        segments = select(Segment).where(Segment.recording_id == recording_id)
        files = select(File).where(File.recording_id == recording_id)
        pauses = select(Pause).where(Pause.recording_id == recording_id)
        saved = select(HlsRun).where(HlsRun.recording_id == recording_id)
        outputs = select(OutputRow).where(
            OutputRow.recording_id == recording_id,
            OutputRow.kind == "hls",
            OutputRow.state != OutputState.REMOVED,
        )
        return Rows(
            recording,
            list(session.scalars(segments.order_by(Segment.number))),
            {file.number: file for file in session.scalars(files)},
            list(session.scalars(pauses.order_by(Pause.number))),
            {run.segment: run for run in session.scalars(saved)},
            list(session.scalars(outputs.order_by(OutputRow.number))),
        )

    return await catalog.transactions.read(work)
