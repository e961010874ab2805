"""From the catalog's rows to the wire's types. Pure: nothing here reads or waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orchestrator.api import story
from orchestrator.api.figures import at, moment, number, rounded, text, total, whole
from orchestrator.api.schemas.recording import StartConfig, Started, Stopped, StreamInfo
from orchestrator.api.schemas.recordings import (
    FileInfo,
    RecordingDetails,
    RecordingSummary,
    SegmentInfo,
)
from orchestrator.api.schemas.status import ActiveConfig, ActiveRecording, Live, Status
from orchestrator.catalog.models import Event, File, Recording, Segment
from orchestrator.recordings.integrity import INCOMPLETE
from orchestrator.recordings.states import ACTIVE, CAPTURING, RecordingState


def app_state(recording: Recording) -> str:
    """The state in the desktop app's words.

    The app takes any state but `recording` for the end, and stops asking. A connection that is
    being tried again, or a worker that is being replaced, is neither: the file goes on.
    """
    state = RecordingState(recording.state)
    goes_on = state in CAPTURING or (state is RecordingState.STARTING and recording.started_at)
    return RecordingState.RECORDING.value if goes_on else state.value


def is_recording(recording: Recording) -> bool:
    """Whether frames are being recorded, or will be again without anybody asking."""
    return app_state(recording) == RecordingState.RECORDING


def stream_info(recording: Recording) -> StreamInfo:
    """The stream as it was at the start."""
    stream = recording.stream
    return StreamInfo(
        name=stream.get("name"),
        symbol=stream.get("symbol"),
        num_participants=stream.get("num_participants") or 0,
    )


def started(recording: Recording) -> Started:
    """What /start answers."""
    return Started(
        mint_id=recording.mint_id,
        recording_id=recording.mint_id,
        id=recording.id,
        output_path=recording.output_path,
        state=app_state(recording),
        is_recording=is_recording(recording),
        start_time=recording.started_at,
        stream_info=stream_info(recording),
        config=StartConfig(
            output_format=recording.output_format,
            video_quality=recording.video_quality,
            audio_quality=recording.audio_quality,
            pipeline=recording.pipeline,
            video_codec=recording.video_codec,
            audio_codec=recording.audio_codec,
        ),
    )


def stopped(recording: Recording) -> Stopped:
    """What /stop answers."""
    return Stopped(
        mint_id=recording.mint_id,
        recording_id=recording.mint_id,
        id=recording.id,
        final_path=recording.output_path,
        output_path=recording.output_path,
        duration_seconds=recording.duration_s,
        file_size_bytes=recording.size_bytes,
        state=recording.state,
        start_time=recording.started_at,
        reason=recording.reason,
    )


def status(recording: Recording) -> Status:
    """What /status answers of a recording that runs."""
    return Status(**_status(recording))


def idle(mint_id: str, last: Recording | None) -> Status:
    """What /status answers of a stream that isn't being recorded."""
    failed = last is not None and last.state == RecordingState.FAILED
    return Status(
        mint_id=mint_id,
        is_recording=False,
        state="stopped",
        id=last.id if last else None,
        error=last.error if last and failed else None,
    )


def active(recording: Recording) -> ActiveRecording:
    """What /active answers of one recording."""
    config = ActiveConfig(
        format=recording.output_format,
        video_codec=recording.video_codec,
        audio_codec=recording.audio_codec,
        pipeline=recording.pipeline,
        video_quality=recording.video_quality,
        audio_quality=recording.audio_quality,
    )
    return ActiveRecording(**_status(recording), stream_info=stream_info(recording), config=config)


def _status(recording: Recording) -> dict[str, Any]:
    return {
        **live(recording).model_dump(),
        "mint_id": recording.mint_id,
        "is_recording": is_recording(recording),
        "state": app_state(recording),
        "recording_state": recording.state,
        "id": recording.id,
        "recording_id": recording.mint_id,
        "start_time": recording.started_at,
        "output_path": recording.output_path,
        "duration_seconds": number(recording.figures, "duration_s"),
        "video_codec": recording.video_codec,
        "audio_codec": recording.audio_codec,
        "error": recording.error,
        "figures": recording.figures,
    }


def live(recording: Recording) -> Live:
    """The latest figures, flat; what the worker didn't report stays null."""
    return Live(**live_values(recording))


def live_values(recording: Recording) -> dict[str, Any]:
    """Live's fields."""
    figures = recording.figures
    return {
        "measured_at": recording.figures_at,
        "fps": number(figures, "video", "fps"),
        "speed": number(figures, "encoder", "speed"),
        "speed_step": whole(figures, "speed_step"),
        "bitrate_bps": number(figures, "encoder", "bitrate_bps"),
        "file_size_bytes": whole(figures, "encoder", "size_bytes"),
        "width": whole(figures, "video", "width"),
        "height": whole(figures, "video", "height"),
        "frames_received": whole(figures, "video", "received"),
        "frames_written": whole(figures, "video", "written"),
        "frames_dropped": whole(figures, "video", "dropped"),
        "frames_filled": whole(figures, "video", "filled"),
        "queue_bytes": whole(figures, "queue", "bytes"),
        "queue_limit_bytes": whole(figures, "queue", "limit_bytes"),
        "cpu_cores": total(number(p, "cpu_cores") for p in _processes(figures)),
        "memory_bytes": rounded(total(number(p, "rss_bytes") for p in _processes(figures))),
        "connection": text(figures, "source", "state"),
        "participants": whole(figures, "source", "participants"),
        "packets_received": whole(figures, "source", "packets_received"),
        "packets_lost": whole(figures, "source", "packets_lost"),
        "reconnects": whole(figures, "source", "reconnects"),
        "drift_ppm": number(figures, "source", "drift_ppm"),
        "restarts": whole(figures, "restarts"),
        "no_picture_since": moment(figures, "video", "no_picture_since"),
        "no_picture_reason": text(figures, "video", "no_picture_reason"),
        "no_sound_since": moment(figures, "audio", "no_sound_since"),
        "no_sound_reason": text(figures, "audio", "no_sound_reason"),
        "warnings": tuple(str(line) for line in at(figures, "warnings") or ()),
    }


def _processes(figures: Any) -> list[dict[str, Any]]:
    return [p for p in (at(figures, "processes") or {}).values() if isinstance(p, dict)]


def summary(recording: Recording) -> RecordingSummary:
    """One line of the history."""
    return RecordingSummary(**_summary(recording))


def details(
    recording: Recording,
    files: Sequence[File],
    segments: Iterable[Segment],
    events: Iterable[Event],
) -> RecordingDetails:
    """Everything known of one recording."""
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
        events=[story.event(e) for e in events],
    )


def _summary(recording: Recording) -> dict[str, Any]:
    same = "id mint_id state output_format pipeline video_quality audio_quality video_codec"
    same += " audio_codec output_path created_at started_at ended_at reason error_code error detail"
    same += " recovered"
    running = recording.state in ACTIVE
    # One that failed may have a file all the same: of what there was until then.
    has_file = not running and recording.size_bytes is not None
    duration = number(recording.figures, "duration_s") if running else recording.duration_s
    return {
        **{name: getattr(recording, name) for name in same.split()},
        "stream_info": stream_info(recording),
        "file_url": f"/api/recordings/{recording.id}/file" if has_file else None,
        "duration_seconds": duration,
        "file_size_bytes": live(recording).file_size_bytes if running else recording.size_bytes,
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
