"""From segments to the file: choose, join or rename, probe. Whatever fails, segments are kept."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.catalog.models import Recording, Segment
from orchestrator.catalog.paths import publish
from orchestrator.catalog.probe import Probe, probe
from orchestrator.encoding.join import Part, join
from orchestrator.errors import (
    EncodingFailed,
    HavenError,
    SourceError,
    StoppedWhileStarting,
)
from orchestrator.recordings.ledger import Ledger
from orchestrator.recordings.segments import Encoding
from orchestrator.recordings.states import RecordingState


@dataclass(frozen=True, slots=True)
class Finished:
    """A final file, in its place and probed."""

    path: Path
    probe: Probe

    def columns(self) -> dict[str, Any]:
        """For the recording's row."""
        return {
            "output_path": str(self.path),
            "duration_s": self.probe.duration_s,
            "size_bytes": self.probe.size_bytes,
            "probe": asdict(self.probe),
        }


async def conclude(
    ledger: Ledger, encoding: Awaitable[Encoding], reason: str | None, error: HavenError | None
) -> None:
    """Make the file of what there is, and write down how the recording ended, and why."""
    columns: dict[str, Any] = {"ended_at": datetime.now(UTC), "reason": reason}
    try:
        columns |= await _finished(ledger, encoding)
    except HavenError as failure:
        error = error or failure
    except OSError as failure:
        error = error or EncodingFailed(
            f"The file can't be put in its place: {failure}.",
            f"The segments are kept in {ledger.recording.work_directory}.",
        )
    if isinstance(error, SourceError | StoppedWhileStarting) and "size_bytes" in columns:
        # A worker that took over found the stream gone, or was to stop: what there is is whole.
        columns["reason"], error = reason or error.error, None
    if error is not None:
        columns |= {"error_code": error.code, "error": error.error, "detail": _advice(error)}
        await ledger.become(RecordingState.FAILED, **columns)
        return
    await ledger.become(RecordingState.STOPPING)
    await ledger.become(RecordingState.COMPLETED, **columns)


async def _finished(ledger: Ledger, encoding: Awaitable[Encoding]) -> dict[str, Any]:
    segments = await ledger.catalog.segments(ledger.recording.id)
    if not segments:
        await asyncio.to_thread(discard, ledger.recording)
        return {}
    finished = await finish(ledger.recording, segments, await encoding)
    await ledger.event("file", f"Final file: {finished.path}")
    return finished.columns()


async def finish(recording: Recording, segments: Sequence[Segment], encoding: Encoding) -> Finished:
    """Makes the final file; EncodingFailed when there is nothing to make it of."""
    parts = [s for s in segments if await asyncio.to_thread(_holds_media, Path(s.path))]
    if not parts:
        if (made := await asyncio.to_thread(_made_before, recording)) is not None:
            return made
        await asyncio.to_thread(discard, recording)
        raise EncodingFailed(
            "Nothing was recorded: ffmpeg wrote no readable file.",
            "Its last lines stand with the segments: GET /api/recordings/{id}.",
        )
    whole = await _whole(recording, parts, encoding)
    found = await asyncio.to_thread(probe, whole)
    if not found.playable:
        raise EncodingFailed(
            f"The recorded file is damaged: {found.problem}.",
            f"The segments are kept in {recording.work_directory}.",
        )
    path = await asyncio.to_thread(publish, whole, Path(recording.output_path))
    await asyncio.to_thread(discard, recording)
    return Finished(path, found)


async def _whole(recording: Recording, parts: Sequence[Segment], encoding: Encoding) -> Path:
    """One file with just the streams that the room had: a lone whole segment as it is."""
    # What a killed worker wrote in its last second is not counted: it may have had both.
    has_video = any(s.video_frames or s.outcome is None for s in parts)
    has_audio = any(s.audio_samples or s.outcome is None for s in parts)
    clean = len(parts) == 1 and parts[0].outcome == "finished"
    if clean and has_video == has_audio:
        return Path(parts[0].path)
    joined = Path(recording.work_directory) / f"joined{encoding.preset.segment_suffix}"
    await join(
        encoding.ffmpeg.path,
        [Part(Path(s.path), s.offset_s) for s in parts],
        joined,
        container=encoding.preset.container,
        keep_video=has_video or not has_audio,
        keep_audio=has_audio or not has_video,
        tags=encoding.tags,
        log_path=joined.with_suffix(".log"),
    )
    return joined


def _made_before(recording: Recording) -> Finished | None:
    """The final file, if a worker before died after it had put it in its place."""
    path = Path(recording.output_path)
    if not path.is_file() or not (found := probe(path)).playable:
        return None
    discard(recording)
    return Finished(path, found)


def discard(recording: Recording) -> None:
    """Remove the work folder of a recording that has nothing in it."""
    shutil.rmtree(recording.work_directory, ignore_errors=True)


def _holds_media(path: Path) -> bool:
    if not path.is_file() or not path.stat().st_size:
        return False
    found = probe(path)
    return found.video is not None or found.audio is not None


def _advice(error: HavenError) -> str:
    if not (stderr := error.context.get("stderr")):
        return error.detail
    return f"{error.detail} Last lines of ffmpeg: {' | '.join(stderr[-5:])}"
