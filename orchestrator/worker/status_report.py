"""Once a second: what a recording does and uses, written into the catalog."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from orchestrator.catalog.models import Sample
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.process.prepared_run import SupervisedRun
from orchestrator.encoding.process.states import ENDED
from orchestrator.encoding.process.supervisor import Supervisor
from orchestrator.media import SECOND_NS
from orchestrator.monitor.usage import ProcessUsage, RoleUsage, Usage
from orchestrator.pipes.canvas import Losses
from orchestrator.recordings.figures import (
    EncoderFigures,
    LiveFigures,
    ProcessesFigures,
    ProcessFigures,
    SourceFigures,
)
from orchestrator.sources.source import Source
from orchestrator.worker.segments.listed_segments import ListedSegments
from orchestrator.worker.segments.open_segment import SegmentTotals
from orchestrator.worker.tracks.capture import Capture

PERIOD_S: Final = 1.0
WINDOW: Final = 30
"""Reports over which CPU use is averaged."""

LEAST_S: Final = 10.0

RATE_S: Final = 2.0
"""Over which a frame rate is measured, and a little more: from one report to another."""

LEAST_RATE_S: Final = 0.5
"""The same at the beginning, where two reports may follow one another at once."""


class StatusReporter:
    """Collects figures and samples of one recording. What was not measured is None."""

    def __init__(self, catalog: Catalog, recording_id: str, own_pid: int, asked_ns: int) -> None:
        self._catalog = catalog
        self._id = recording_id
        self._asked_ns = asked_ns
        """When the worker was started."""
        self._worker = ProcessUsage(own_pid)
        self._ffmpeg, self._input = RoleUsage(), RoleUsage()
        self._written: deque[tuple[float, int, float]] = deque(maxlen=WINDOW)
        """When reports were made, with the frames written by then, and where the file reached."""
        self._fps: float | None = None
        """Written, from the report before."""
        self._running = EncoderFigures(), ProcessesFigures()
        """What ffmpeg reported and both processes used at the last report."""
        self._average = Average()

    async def report(
        self,
        capture: Capture,
        source: Source,
        segments: ListedSegments | None,
        supervisor: Supervisor | None,
    ) -> None:
        """Writes one report."""
        now, now_s = datetime.now(UTC), time.monotonic()
        run = supervisor.current if supervisor else None
        ffmpeg = self._ffmpeg.sample(run.pid if run is not None and run.alive else None)
        usage = {"worker": self._worker.sample(), "ffmpeg": ffmpeg}
        if (received := self._input.sample(source.statistics().input_pid)) is not None:
            usage["input"] = received
        encoder, processes = _encoder_figures(run), _processes(usage)
        if supervisor and supervisor.state in ENDED:
            # The last report keeps what was measured while ffmpeg still ran.
            encoder, processes = self._running
        self._running = encoder, processes
        came = capture.figures()
        figures = LiveFigures(
            video=came.video,
            audio=came.audio,
            queue=came.queue,
            source=_source_figures(capture, source),
            encoder=encoder,
            measured_cores=self._measured(run, usage, now_s),
            processes=processes,
            encoding=supervisor.state.value if supervisor else None,
            restarts=supervisor.restarts if supervisor else 0,
            warnings=tuple(capture.warnings()),
            duration_s=None,
        )
        if segments is not None:
            ended = supervisor is not None and supervisor.state in ENDED
            figures = self._with_written(figures, segments, now_s, ended=ended)
        await self._catalog.report(self._id, figures.as_json(), now, self._samples(now, usage))

    def _with_written(
        self, figures: LiveFigures, segments: ListedSegments, now_s: float, *, ended: bool
    ) -> LiveFigures:
        totals, first_ns = segments.totals(), segments.first_ns
        if not ended:  # what waited is written when it ends
            self._fps = self._rate(now_s, totals.video_frames, totals.reaches_s)
        written: dict[str, Any] = {
            "written": totals.video_frames,
            "dropped": (figures.video.dropped or 0) + totals.video_dropped,
            "fps": self._fps,
            **segments.encoder_input(),
        }
        return figures.model_copy(
            update={
                "video": figures.video.model_copy(update=written),
                "warnings": (*figures.warnings, *_write_warnings(totals)),
                "duration_s": round(totals.reaches_s, 3),
                "first_frame_s": first_ns and (first_ns - self._asked_ns) / SECOND_NS,
                "pipe_bytes": totals.written_bytes,
                "refused": totals.refused,
                "part": segments.part,
                "speed_step": segments.running_step,
            }
        )

    def _measured(
        self, run: SupervisedRun | None, usage: dict[str, Usage | None], now_s: float
    ) -> float | None:
        """Cores in use by all processes of the present segment; a writer is a thread of ours."""
        used = [u for u in usage.values() if u is not None]
        pids = tuple(u.pid for u in used)
        total_s = sum(u.cpu_seconds for u in used)
        writes_itself = run is not None and run.alive and run.pid is None
        complete = all(usage.values()) or (writes_itself and usage["worker"] is not None)
        return self._average.add(now_s, pids if complete else (), total_s)

    def _rate(self, now_s: float, frames: int, reaches_s: float) -> float | None:
        """Frames by their own times: those that waited and come together last longer than that."""
        self._written.append((now_s, frames, reaches_s))
        while len(self._written) > 2 and now_s - self._written[1][0] >= RATE_S:
            self._written.popleft()
        then_s, before, reached_s = self._written[0]
        if now_s - then_s < LEAST_RATE_S:
            return self._fps
        return round((frames - before) / max(now_s - then_s, reaches_s - reached_s), 2)

    def _samples(self, now: datetime, usage: dict[str, Usage | None]) -> list[Sample]:
        return [
            Sample(
                recording_id=self._id,
                at=now,
                role=role,
                pid=u.pid,
                cpu_cores=u.cpu_cores,
                cpu_seconds=u.cpu_seconds,
                rss_bytes=u.rss_bytes,
            )
            for role, u in usage.items()
            if u is not None
        ]


def _write_warnings(totals: SegmentTotals) -> list[str]:
    warnings = size_warnings(totals.losses)
    if totals.refused:
        warnings.append(
            f"{totals.refused} frames or blocks of audio could not be written; they are lost."
        )
    return warnings


def size_warnings(losses: Losses) -> list[str]:
    """Warnings of frames that are not in the file in their own size and shape."""
    warnings = []
    if losses.squeezed:
        width, height = losses.largest
        warnings.append(f"{losses.squeezed} frames of up to {width}x{height} were scaled down.")
    if losses.barred:
        warnings.append(f"{losses.barred} frames were put between black bars.")
    return warnings


class Average:
    """Cores in use over the last half minute, and never over less than a third of that."""

    def __init__(self) -> None:
        self._pids: tuple[int, ...] = ()
        self._seen: deque[tuple[float, float]] = deque(maxlen=WINDOW)

    def add(self, now_s: float, pids: tuple[int, ...], cpu_s: float) -> float | None:
        """Adds a sample of these processes' CPU time; other processes begin a new average."""
        if pids != self._pids:
            self._pids = pids
            self._seen.clear()
        self._seen.append((now_s, cpu_s))
        began_s, used_s = self._seen[0]
        passed_s = now_s - began_s
        if not pids or passed_s < LEAST_S:
            return None
        return round((cpu_s - used_s) / passed_s, 3)


def _processes(usage: Mapping[str, Usage | None]) -> ProcessesFigures:
    return ProcessesFigures(
        worker=ProcessFigures.of(usage["worker"]),
        ffmpeg=ProcessFigures.of(usage["ffmpeg"]),
        input=ProcessFigures.of(usage.get("input")),
    )


def _source_figures(capture: Capture, source: Source) -> SourceFigures:
    counts = source.statistics()
    return SourceFigures(
        state="connected" if capture.connected else "reconnecting",
        participants=capture.participants,
        packets_received=counts.packets_received,
        packets_lost=counts.packets_lost,
        frames_undecodable=counts.frames_undecodable,
        frames_undecryptable=counts.frames_undecryptable,
        reconnects=counts.reconnects,
        sender_reports=counts.sender_reports,
        drift_ppm=counts.drift_ppm,
    )


def _encoder_figures(run: SupervisedRun | None) -> EncoderFigures:
    """What ffmpeg reports of itself; before its first report only its log's name."""
    if run is None or run.log_path is None:
        return EncoderFigures()
    if (progress := run.progress) is None:
        return EncoderFigures(log=run.log_path.name)
    return EncoderFigures(
        log=run.log_path.name,
        progress_age_s=round(time.monotonic() - run.moved_at_s, 3),
        frames=progress.frame,
        dropped=progress.drop_frames,
        fps=progress.fps,
        speed=progress.speed,
        bitrate_bps=progress.bitrate_bps,
        size_bytes=progress.total_size_bytes,
        out_time_s=progress.out_time_s,
    )
