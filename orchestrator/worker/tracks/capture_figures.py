"""A capture's part of the live figures. Reading them changes nothing."""

from __future__ import annotations

from orchestrator.media import AUDIO_RATE, Colors
from orchestrator.recordings.figures import AudioFigures, QueueFigures, VideoFigures
from orchestrator.worker.tracks.capture import Capture
from orchestrator.worker.tracks.selection_policy import codec_name


def video_figures(capture: Capture) -> VideoFigures:
    """What is known of the video before it is written."""
    timeline, canvas = capture.timeline.statistics(), capture.canvas_policy.canvas
    selection, missing = capture.selection, capture.selection.no_video
    return VideoFigures(
        codec=codec_name(selection.video) if selection.video else None,
        width=canvas.width if canvas else None,
        height=canvas.height if canvas else None,
        colors=_numbers(capture.colors),
        received=timeline.video_received,
        late=timeline.video_late,
        filled=timeline.video_filled,
        dropped=capture.queue.statistics().video_dropped,
        no_picture_since=missing.since,
        no_picture_reason=missing.reason,
    )


def audio_figures(capture: Capture) -> AudioFigures:
    """The audio of all tracks together."""
    audio, missing = capture.timeline.statistics().audio, capture.selection.no_audio
    return AudioFigures(
        received_s=_seconds(audio.received),
        written_s=_seconds(audio.written),
        filled_s=_seconds(audio.filled),
        concealed_s=_seconds(audio.concealed),
        late_s=_seconds(audio.late),
        dropped_s=_seconds(capture.queue.statistics().audio_dropped_samples),
        no_sound_since=missing.since,
        no_sound_reason=missing.reason,
    )


def queue_figures(capture: Capture) -> QueueFigures:
    """What waits for ffmpeg."""
    queue = capture.queue.statistics()
    return QueueFigures(
        bytes=queue.waiting_bytes, peak_bytes=queue.peak_bytes, limit_bytes=queue.limit_bytes
    )


def _seconds(samples: int) -> float:
    return round(samples / AUDIO_RATE, 3)


def _numbers(colors: Colors | None) -> tuple[int, int, int, bool] | None:
    if colors is None:
        return None
    return colors.matrix, colors.primaries, colors.transfer, colors.full_range
