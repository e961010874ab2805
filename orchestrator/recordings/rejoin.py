"""A recording's segments and bounds, whether it begins or a new worker goes on with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline import Preset
from orchestrator.errors import HavenError
from orchestrator.recordings.bounds import Bounds
from orchestrator.recordings.capture import Capture
from orchestrator.recordings.limits import Limits
from orchestrator.recordings.previews import Preview
from orchestrator.recordings.segments import Encoding, Segments, numbers_taken
from orchestrator.recordings.states import RecordingState
from orchestrator.settings import Settings


async def segments_of(
    recording: Recording,
    catalog: Catalog,
    capture: Capture,
    encoding: Encoding,
    *,
    runtime: Path,
    preview: Preview,
) -> Segments:
    """Going on behind what earlier workers made; the capture has begun."""
    assert capture.canvas is not None
    before = await catalog.segments(recording.id)
    part = max((s.part for s in before), default=1)
    return Segments(
        recording=recording,
        encoding=encoding,
        canvas=capture.canvas,
        queue=capture.queue,
        runtime=runtime,
        catalog=catalog,
        preview=preview,
        before=await asyncio.to_thread(numbers_taken, before, Path(recording.work_directory)),
        speed_step=_known(encoding.preset, recording.speed_step),
        part=part,
        made=[(s.part, Path(s.path)) for s in before if s.part == part],
    )


def _known(preset: Preset, step: int | None) -> int:
    """One that the preset has, also if it was edited since."""
    return preset.default_speed if step is None else min(step, len(preset.speeds) - 1)


async def bounds_of(
    segments: Segments,
    settings: Settings,
    *,
    stop: Callable[[str], None],
    split: Callable[[], None],
    fail: Callable[[HavenError], None],
) -> Bounds:
    """The recording's own limits within this machine's."""
    recording, catalog = segments.recording, segments.catalog
    rows = await catalog.segments(recording.id)
    began = [s.offset_s for s in rows if s.part == segments.part and s.end_s]
    return Bounds(
        Limits.from_dict(recording.limits).within(settings.max_duration_s, settings.max_size_bytes),
        segments,
        Path(recording.work_directory),
        reserve_bytes=settings.disk_reserve_bytes,
        part_began_s=min(began, default=0.0),
        earlier_bytes=sum(file.size_bytes for file in await catalog.files(recording.id)),
        stop=stop,
        split=split,
        fail=fail,
    )


def only_to_finish(recording: Recording) -> bool:
    """Nothing more is to be recorded: its file is to be made of what there is."""
    told = recording.wanted == "stop" and recording.started_at is not None
    return told or recording.state == RecordingState.STOPPING
