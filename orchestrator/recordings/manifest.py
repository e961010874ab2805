"""What a recording holds, as JSON for whoever gets its files. Pure.

Times are RFC 3339 in UTC, `_s` seconds on the recording's own timeline, sizes bytes. What was not
measured is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from orchestrator.catalog.models import Event, File, Recording, Segment
from orchestrator.catalog.pauses.model import Pause
from orchestrator.recordings.figures import LiveFigures

VERSION: Final = 1
SHORTEST_GAP_S: Final = 0.1
"""Shorter ones are the rounding of where segments begin."""
MOST_EVENTS: Final = 1000
"""The newest."""


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file that goes with the manifest."""

    name: str
    kind: str
    size_bytes: int
    sha256: str


def manifest(
    recording: Recording,
    files: Sequence[File],
    segments: Sequence[Segment],
    pauses: Sequence[Pause],
    events: Sequence[Event],
    *,
    uploaded: Iterable[ManifestFile],
    hls: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The whole of it, as JSON values. `hls`: where its pieces are, and how many."""
    return {
        "version": VERSION,
        "recording": _recording(recording),
        "files": [vars_of(one) for one in uploaded],
        "hls": None if hls is None else dict(hls),
        "parts": [_part(file) for file in files],
        "gaps": gaps(segments),
        "pauses": [_pause(one) for one in pauses],
        "losses": _losses(LiveFigures.of(recording)),
        "events": [_event(one) for one in events[-MOST_EVENTS:]],
    }


def vars_of(file: ManifestFile) -> dict[str, Any]:
    """A file of the list."""
    return {
        "name": file.name,
        "kind": file.kind,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
    }


def gaps(segments: Sequence[Segment]) -> list[dict[str, float]]:
    """Where nothing was recorded: between the end of a segment and the beginning of the next."""
    ordered = sorted(segments, key=lambda one: one.number)
    found = []
    for before, after in pairwise(ordered):
        if before.end_s is not None and after.offset_s - before.end_s >= SHORTEST_GAP_S:
            length_s = round(after.offset_s - before.end_s, 3)
            found.append({"at_s": round(before.end_s, 3), "length_s": length_s})
    return found


def _recording(row: Recording) -> dict[str, Any]:
    return {
        "id": row.id,
        "stream_id": row.stream_id,
        "stream": {name: row.stream.get(name) for name in ("name", "symbol", "platform")},
        "state": row.state,
        "created_at": _time(row.created_at),
        "started_at": _time(row.started_at),
        "ended_at": _time(row.ended_at),
        "reason": row.reason,
        "error": row.error,
        "recovered": row.recovered,
        "pipeline": row.pipeline,
        "video_codec": row.video_codec,
        "audio_codec": row.audio_codec,
        "video_quality": row.video_quality,
        "audio_quality": row.audio_quality,
        "duration_s": row.duration_s,
        "size_bytes": row.size_bytes,
    }


def _part(file: File) -> dict[str, Any]:
    probe = file.probe or {}
    return {
        "number": file.number,
        "offset_s": file.offset_s,
        "duration_s": file.duration_s,
        "integrity": file.integrity,
        "problem": file.problem,
        "container": probe.get("container"),
        "video": probe.get("video"),
        "audio": probe.get("audio"),
        "tracks": probe.get("tracks", []),
    }


def _pause(pause: Pause) -> dict[str, Any]:
    return {
        "mode": pause.mode,
        "at_s": pause.at_s,
        "length_s": pause.length_s,
        "began_at": _time(pause.began_at),
        "ended_at": _time(pause.ended_at),
    }


def _losses(figures: LiveFigures) -> dict[str, Any]:
    video, audio, source = figures.video, figures.audio, figures.source
    return {
        "frames_received": video.received,
        "frames_written": video.written,
        "frames_dropped": video.dropped,
        "frames_late": video.late,
        "frames_filled": video.filled,
        "frames_undecodable": source.frames_undecodable,
        "audio_received_s": audio.received_s,
        "audio_dropped_s": audio.dropped_s,
        "audio_filled_s": audio.filled_s,
        "audio_concealed_s": audio.concealed_s,
        "packets_received": source.packets_received,
        "packets_lost": source.packets_lost,
        "reconnects": source.reconnects,
    }


def _event(event: Event) -> dict[str, Any]:
    return {"at": _time(event.at), "kind": event.kind, "message": event.message}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
