"""From the catalog's rows to the wire's types. Pure: nothing here reads or waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orchestrator.api.schemas.encodes import EncodeBody
from orchestrator.api.schemas.recording_control import (
    Paused,
    StartConfig,
    Started,
    Stopped,
    StreamInfo,
)
from orchestrator.api.schemas.recordings import (
    FileInfo,
    RecordingDetails,
    RecordingSummary,
    SegmentInfo,
)
from orchestrator.api.schemas.status import ActiveConfig, ActiveRecording, Status
from orchestrator.api.serializers import event_log
from orchestrator.api.serializers import outputs as serialize_outputs
from orchestrator.catalog.models import Event, File, Recording, Segment
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.recordings.figures import LiveFigures, total
from orchestrator.recordings.integrity import INCOMPLETE
from orchestrator.recordings.notes import notes_of
from orchestrator.recordings.states import ACTIVE, CAPTURING, RecordingState
from orchestrator.recordings.written import bitrate_bps, codecs_of, written_bytes


def app_state(recording: Recording) -> str:
    """The state in the desktop app's words.

    The app takes any state other than `recording` for the end, and stops polling. While
    paused, reconnecting or replacing a worker, the recording continues.
    """
    state = RecordingState(recording.state)
    continues = state in CAPTURING or (state is RecordingState.STARTING and recording.started_at)
    return RecordingState.RECORDING.value if continues else state.value


def is_recording(recording: Recording) -> bool:
    """Whether frames are being recorded, or will be again without a new request."""
    return app_state(recording) == RecordingState.RECORDING


def stream_info(recording: Recording) -> StreamInfo:
    """The stream as it was at the start."""
    stream = recording.stream
    return StreamInfo(
        name=stream.get("name"),
        symbol=stream.get("symbol"),
        num_participants=stream.get("num_participants") or 0,
    )


def started(recording: Recording, notes: Sequence[str] = ()) -> Started:
    """The response of /start; `notes` are of the request."""
    return Started(
        mint_id=recording.stream_id,
        recording_id=recording.stream_id,
        id=recording.id,
        output_path=recording.output_path,
        state=app_state(recording),
        is_recording=is_recording(recording),
        start_time=recording.started_at,
        stream_info=stream_info(recording),
        config=StartConfig(output_format=recording.output_format, **_encoding(recording)),
        notes=[*notes_of(recording), *notes],
    )


def _encoding(recording: Recording) -> dict[str, Any]:
    names = ("pipeline", "video_quality", "audio_quality", "tracks")
    return {**{name: getattr(recording, name) for name in names}, **_codecs(recording)}


def _codecs(recording: Recording) -> dict[str, str]:
    return dict(zip(("video_codec", "audio_codec"), codecs_of(recording), strict=True))


def stopped(recording: Recording) -> Stopped:
    """The response of /stop."""
    has_file = recording.state != RecordingState.ABORTED
    path = recording.output_path if has_file else None
    return Stopped(
        mint_id=recording.stream_id,
        recording_id=recording.stream_id,
        id=recording.id,
        final_path=path,
        output_path=path,
        duration_seconds=recording.duration_s,
        file_size_bytes=recording.size_bytes,
        state=recording.state,
        start_time=recording.started_at,
        reason=recording.reason,
    )


def paused(recording: Recording) -> Paused:
    """The response of /pause and /resume."""
    return Paused(
        mint_id=recording.stream_id,
        recording_id=recording.stream_id,
        id=recording.id,
        state=app_state(recording),
        recording_state=recording.state,
        **_pause(recording),
    )


def _pause(recording: Recording) -> dict[str, Any]:
    lasts = recording.state == RecordingState.PAUSED
    return {
        "paused": lasts,
        "paused_since": recording.paused_since if lasts else None,
        "pause_mode": recording.pause if lasts else None,
    }


def status(recording: Recording, outputs: Sequence[OutputRow] = ()) -> Status:
    """The response of /status for a running recording."""
    return Status(**_status(recording, outputs))


def idle(stream_id: str, last: Recording | None) -> Status:
    """The response of /status for a stream that is not being recorded."""
    failed = last is not None and last.state == RecordingState.FAILED
    return Status(
        mint_id=stream_id,
        is_recording=False,
        state="stopped",
        id=last.id if last else None,
        error=last.error if last and failed else None,
    )


def active(recording: Recording, outputs: Sequence[OutputRow] = ()) -> ActiveRecording:
    """One recording in the response of /active."""
    config = ActiveConfig(format=recording.output_format, **_encoding(recording))
    status = _status(recording, outputs)
    return ActiveRecording(**status, stream_info=stream_info(recording), config=config)


def _status(recording: Recording, outputs: Sequence[OutputRow]) -> dict[str, Any]:
    figures = LiveFigures.of(recording)
    return {
        **live_values(recording, figures),
        "mint_id": recording.stream_id,
        "is_recording": is_recording(recording),
        "state": app_state(recording),
        "recording_state": recording.state,
        **_pause(recording),
        "id": recording.id,
        "recording_id": recording.stream_id,
        "start_time": recording.started_at,
        "output_path": recording.output_path,
        "duration_seconds": figures.duration_s,
        **_codecs(recording),
        "error": recording.error,
        "figures": recording.figures,
        "notes": notes_of(recording),
        "outputs": tuple(serialize_outputs.standing(row) for row in outputs),
    }


def live_values(recording: Recording, figures: LiveFigures) -> dict[str, Any]:
    """The fields of schemas.status.Live: the latest figures, flat."""
    video, audio, source, encoder = figures.video, figures.audio, figures.source, figures.encoder
    return {
        "measured_at": recording.figures_at,
        "fps": video.fps,
        "speed": encoder.speed,
        "speed_step": figures.speed_step,
        "bitrate_bps": bitrate_bps(recording, figures),
        "file_size_bytes": written_bytes(recording, figures),
        "width": video.width,
        "height": video.height,
        "frames_received": video.received,
        "frames_written": video.written,
        "frames_dropped": video.dropped,
        "frames_filled": video.filled,
        "audio_concealed_s": audio.concealed_s,
        "queue_bytes": figures.queue.bytes,
        "queue_limit_bytes": figures.queue.limit_bytes,
        "cpu_cores": total(p.cpu_cores for p in figures.processes.reported),
        "memory_bytes": total(p.rss_bytes for p in figures.processes.reported),
        "connection": source.state,
        "participants": source.participants,
        "packets_received": source.packets_received,
        "packets_lost": source.packets_lost,
        "frames_undecodable": source.frames_undecodable,
        "frames_undecryptable": source.frames_undecryptable,
        "reconnects": source.reconnects,
        "drift_ppm": source.drift_ppm,
        "restarts": figures.restarts,
        "no_video_since": video.no_video_since,
        "no_video_reason": video.no_video_reason,
        "no_audio_since": audio.no_audio_since,
        "no_audio_reason": audio.no_audio_reason,
        "warnings": figures.warnings,
    }


def summary(recording: Recording) -> RecordingSummary:
    """One recording in the history."""
    return RecordingSummary(**_summary(recording))


def details(
    recording: Recording,
    files: Sequence[File],
    segments: Iterable[Segment],
    events: Iterable[Event],
    outputs: Iterable[OutputRow] = (),
) -> RecordingDetails:
    """Everything known about one recording."""
    return RecordingDetails(
        **_summary(recording),
        wanted=recording.wanted,
        figures=recording.figures,
        figures_at=recording.figures_at,
        limits=recording.limits,
        integrity=_integrity(files),
        sha256=files[0].sha256 if files else None,
        probe=recording.probe,
        files=[_file(f) for f in files],
        segments=[_segment(s) for s in segments],
        events=[event_log.event(e) for e in events],
        outputs=[serialize_outputs.info(row) for row in outputs],
    )


def _summary(recording: Recording) -> dict[str, Any]:
    same = "id state output_format pipeline video_quality audio_quality"
    same += " output_path created_at started_at ended_at reason error_code error detail"
    same += " recovered tracks instead_of"
    running = recording.state in ACTIVE
    # A failed recording can have a file, too: of what was recorded until then.
    has_file = not running and recording.size_bytes is not None
    figures = LiveFigures.of(recording)
    return {
        **{name: getattr(recording, name) for name in same.split()},
        **_codecs(recording),
        "mint_id": recording.stream_id,
        "stream_info": stream_info(recording),
        "encode": EncodeBody(**recording.encode) if recording.encode else None,
        "notes": notes_of(recording),
        "file_url": f"/api/recordings/{recording.id}/file" if has_file else None,
        "duration_seconds": figures.duration_s if running else recording.duration_s,
        "file_size_bytes": written_bytes(recording, figures) if running else recording.size_bytes,
    }


def _integrity(files: Sequence[File]) -> str | None:
    outcomes = {file.integrity for file in files}
    return outcomes.pop() if len(outcomes) == 1 else INCOMPLETE if INCOMPLETE in outcomes else None


def _file(file: File) -> FileInfo:
    part = f"?part={file.number}" if file.number > 1 else ""
    return FileInfo(
        part=file.number,
        path=file.path,
        file_url=f"/api/recordings/{file.recording_id}/file{part}",
        offset_seconds=file.offset_s,
        duration_seconds=file.duration_s,
        file_size_bytes=file.size_bytes,
        integrity=file.integrity,
        problem=file.problem,
        sha256=file.sha256,
        probe=file.probe,
    )


def _segment(segment: Segment) -> SegmentInfo:
    return SegmentInfo(
        number=segment.number,
        part=segment.part,
        started_at=segment.started_at,
        ended_at=segment.ended_at,
        offset_seconds=segment.offset_s,
        outcome=segment.outcome,
        returncode=segment.returncode,
        speed_step=segment.speed_step,
        video_frames=segment.video_frames,
        audio_samples=segment.audio_samples,
        stderr_tail=segment.stderr_tail,
    )
