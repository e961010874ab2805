"""What a running recording writes: an encoder reports it, or the worker that copies. Pure."""

from __future__ import annotations

from orchestrator.catalog.models import Recording
from orchestrator.recordings.figures import LiveFigures


def written_bytes(recording: Recording, figures: LiveFigures) -> int | None:
    """Bytes in the present segment; of a recording that copies, in all of them."""
    return figures.encoder.size_bytes if recording.tracks is None else figures.pipe_bytes


def bitrate_bps(recording: Recording, figures: LiveFigures) -> float | None:
    """Average of what is written, audio included."""
    if recording.tracks is None:
        return figures.encoder.bitrate_bps
    if not figures.duration_s or figures.pipe_bytes is None:
        return None
    return round(8 * figures.pipe_bytes / figures.duration_s)


def codecs_of(recording: Recording) -> tuple[str, str]:
    """Of video and audio: the encoders' names; of copied frames what they are, once it is known."""
    video, audio = recording.video_codec, recording.audio_codec
    if recording.tracks is None:
        return video, audio
    probe = recording.probe or {}
    received = LiveFigures.of(recording).video.codec
    found_video, found_audio = probe.get("video") or {}, probe.get("audio") or {}
    known = found_video.get("codec") or (received and received.lower())
    return known or video, found_audio.get("codec") or audio
