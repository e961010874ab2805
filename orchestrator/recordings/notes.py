"""What a client should know of a recording that isn't quite what was asked for. Pure."""

from __future__ import annotations

from typing import Final

from orchestrator.catalog.models import Recording

UNKNOWN_FIELDS: Final = "Fields that are not known were ignored: {}."

QUALITIES_IGNORED: Final = (
    "Frames are copied as their publishers encoded them: the quality that was asked for has no "
    "effect."
)


def notes_of(recording: Recording) -> list[str]:
    """In words; empty for a recording that is what was asked for."""
    asked = recording.instead_of
    if asked is None:
        return []
    why = f"There was no capacity to encode with {asked}: the stream is recorded as it comes"
    if recording.encode is None:
        return [f"{why}, and stays so, as {asked} has no later profile."]
    return [f"{why}, and encoded with {recording.encode['pipeline']} when it has ended."]
