"""Whether a list has all rooms that are live, so that others aren't."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.discovery.livekit import LiveKitDiscovery
from orchestrator.errors import HavenError
from orchestrator.media import Stream


def all_listed(
    asked: Sequence[object], answers: Sequence[list[Stream] | HavenError], limit: int
) -> bool:
    """Whether every live room of the LiveKit server is in its answer."""
    return any(
        isinstance(one, LiveKitDiscovery) and isinstance(answer, list) and len(answer) < limit
        for one, answer in zip(asked, answers, strict=True)
    )
