"""What `orchestrator streams show` prints of a stream. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from orchestrator.api.schemas.streams import StreamDetails, Track
from orchestrator.cli.formatting import UNKNOWN

_WORDS: Final = {True: "yes", False: "no", None: UNKNOWN}


def facts(stream: StreamDetails) -> list[tuple[str, str]]:
    """Names and values; what nobody knows is left out."""
    reason = stream.reason
    found = [
        ("stream", stream.mint_id),
        ("name", stream.name or ""),
        ("from", stream.kind or stream.discovery),
        ("address", stream.address or ""),
        ("live", _WORDS[stream.is_currently_live]),
        ("can be recorded", _WORDS[stream.recordable]),
        ("", reason.detail if reason is not None else ""),
        ("published", "" if reason is not None else stream.unknown or ""),
    ]
    return [(name, value) for name, value in found if value]


def track_rows(tracks: Iterable[Track]) -> Iterator[tuple[str, ...]]:
    """A row for each track, with the reason where it can't be recorded."""
    for track in tracks:
        size = f"{track.width}x{track.height}" if track.width and track.height else UNKNOWN
        yield (
            track.participant,
            track.kind if track.source == "unknown" else track.source,
            track.codec or UNKNOWN,
            size,
            _WORDS[track.muted],
            _WORDS[track.encrypted],
            track.reason.error if track.reason is not None else _WORDS[track.selected],
        )
