"""What a recorder gets from its worker process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.store import Catalog
from orchestrator.settings import Settings
from orchestrator.sources.source import OnEvent, Source
from orchestrator.worker.preview import Preview
from orchestrator.worker.segments.segment_encoding import SegmentEncoding


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """Made once by the worker process (worker.process)."""

    settings: Settings
    catalog: Catalog
    connect: Callable[[OnEvent], Awaitable[Source]]
    """Creates the source, not yet open; it passes its events to the given function."""
    encoding: Awaitable[SegmentEncoding]
    """Pipeline and ffmpeg, loaded while the source connects."""
    runtime: Path
    preview: Preview
    asked_ns: int
    """When this worker was started, on the monotonic clock."""
    first_frame_s: float
    """Longest wait for the first frame once the source is open."""
    pauses: Sequence[Pause] = ()
    """Those of earlier workers."""
    copies: bool = False
    """The pipeline copies: the source doesn't decode."""
