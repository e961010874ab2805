"""What each kind of stream with a name of its own answers: whether it is live, and where it is."""

from __future__ import annotations

from typing import Protocol

from orchestrator.media import Endpoint, Publication
from orchestrator.settings.groups.streams import StreamSettings


class StreamKind(Protocol):
    """How streams of one kind are looked for and received."""

    async def look(self, id: str, defined: StreamSettings) -> list[Publication] | None:
        """What is in the stream, which is live; None if that can't be known before it is received.

        Raises NotLive with the reason, or another SourceError if it can't be looked for. Asks its
        server no more often than is good for that.
        """

    def is_live(self, id: str) -> bool | None:
        """Whether it is live as far as is known without asking anybody; None: unknown."""

    async def endpoint(self, id: str, defined: StreamSettings) -> Endpoint:
        """How to receive it; a SourceError if that can't be told now."""

    async def forget(self, id: str) -> None:
        """The stream is not defined any more: what is known of it is dropped."""

    async def close(self) -> None:
        """Returns when nothing is left open or running."""


def kind_of(defined: StreamSettings) -> str | None:
    """The name of its kind: the field that says where it comes from; None if nothing does."""
    for name in ("whep", "whip", "url"):
        if getattr(defined, name) is not None:
            return name
    return None
