"""What a recording keeps of its room besides media, and what it shows there."""

from __future__ import annotations

from orchestrator.catalog.models import Recording
from orchestrator.settings import Settings


def keeps_data(recording: Recording, settings: Settings) -> bool:
    """Whether data messages, chat, transcriptions and what participants do are kept."""
    return settings.record_data if recording.data is None else recording.data


def shows_recording(recording: Recording, settings: Settings) -> bool:
    """Whether participants are shown that they are recorded."""
    hidden = recording.hide_recording
    return not (settings.hide_recording if hidden is None else hidden)
