"""What happens in a room besides its media: who comes and goes, what is said and sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Participant:
    """Who it was."""

    identity: str
    name: str = ""
    """As the room shows it; may be empty."""
    kind: str = "standard"
    """standard, agent, sip, ingress, egress, connector, bridge; recorder: another recorder."""

    def as_json(self) -> dict[str, str]:
        """For a line of data; without a name that there isn't."""
        named = {"name": self.name} if self.name else {}
        return {"identity": self.identity, **named, "kind": self.kind}


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that happened (docs/data.md lists the types)."""

    type: str
    time_ns: int
    """When it came, on `time.monotonic_ns()`'s scale, as the times of frames are."""
    participant: Participant | None = None
    """None: the server, or nobody in particular."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """More about it, as JSON has it. Names that end in `_ns` are moments like `time_ns`."""
    problem: str | None = None
    """What of it could not be had, for the event log."""
