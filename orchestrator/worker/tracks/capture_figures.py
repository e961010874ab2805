"""A capture's part of the live figures. Reading them changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.media import AUDIO_RATE, SECOND_NS, Colors
from orchestrator.pipes.canvas import CanvasSize
from orchestrator.pipes.frame_queue import QueueStatistics
from orchestrator.pipes.timeline_clock import TimelineStatistics
from orchestrator.recordings.figures import AudioFigures, QueueFigures, VideoFigures
from orchestrator.stream_copy.packet_queue import PacketQueueStatistics
from orchestrator.stream_copy.packet_timeline import PacketStatistics
from orchestrator.worker.tracks.selection import TrackSelection
from orchestrator.worker.tracks.selection_policy import codec_name


@dataclass(frozen=True, slots=True)
class CaptureFigures:
    """What came, before it is written."""

    video: VideoFigures
    audio: AudioFigures
    """Of all tracks together."""
    queue: QueueFigures
    """What waits to be written."""


def decoded_figures(
    selection: TrackSelection,
    timeline: TimelineStatistics,
    canvas: CanvasSize | None,
    colors: Colors | None,
    queue: QueueStatistics,
) -> CaptureFigures:
    """Of frames that were decoded."""
    audio, no_video, no_audio = timeline.audio, selection.no_video, selection.no_audio
    return CaptureFigures(
        VideoFigures(
            codec=codec_name(selection.video) if selection.video else None,
            width=canvas.width if canvas else None,
            height=canvas.height if canvas else None,
            colors=_numbers(colors),
            received=timeline.video_received,
            late=timeline.video_late,
            filled=timeline.video_filled,
            dropped=queue.video_dropped,
            no_video_since=no_video.since,
            no_video_reason=no_video.reason,
        ),
        AudioFigures(
            received_s=_seconds(audio.received),
            written_s=_seconds(audio.written),
            filled_s=_seconds(audio.filled),
            concealed_s=_seconds(audio.concealed),
            late_s=_seconds(audio.late),
            dropped_s=_seconds(queue.audio_dropped_samples),
            no_audio_since=no_audio.since,
            no_audio_reason=no_audio.reason,
        ),
        QueueFigures(
            bytes=queue.waiting_bytes, peak_bytes=queue.peak_bytes, limit_bytes=queue.limit_bytes
        ),
    )


def copied_figures(
    selection: TrackSelection,
    timeline: PacketStatistics,
    size: tuple[int, int] | None,
    queue: PacketQueueStatistics,
) -> CaptureFigures:
    """Of frames as they came."""
    width, height = size or (None, None)
    return CaptureFigures(
        VideoFigures(
            codec=codec_name(selection.video) if selection.video else None,
            width=width,
            height=height,
            received=timeline.video_received,
            dropped=queue.video_dropped,
            no_video_since=selection.no_video.since,
            no_video_reason=selection.no_video.reason,
        ),
        AudioFigures(
            received_s=round(timeline.audio_received_ns / SECOND_NS, 3),
            late_s=round(timeline.audio_late_ns / SECOND_NS, 3),
            dropped_s=round(queue.audio_dropped_ns / SECOND_NS, 3),
            no_audio_since=selection.no_audio.since,
            no_audio_reason=selection.no_audio.reason,
        ),
        QueueFigures(
            bytes=queue.waiting_bytes, peak_bytes=queue.peak_bytes, limit_bytes=queue.limit_bytes
        ),
    )


def _seconds(samples: int) -> float:
    return round(samples / AUDIO_RATE, 3)


def _numbers(colors: Colors | None) -> tuple[int, int, int, bool] | None:
    if colors is None:
        return None
    return colors.matrix, colors.primaries, colors.transfer, colors.full_range
