"""What each kind of stream with a name of its own answers: whether it is live, and where it is."""

from __future__ import annotations

from typing import Literal, Protocol

from orchestrator.media import Endpoint, Publication, shown_address
from orchestrator.settings.groups.streams import StreamSettings
from orchestrator.url_input.address import shown


class StreamKind(Protocol):
    """How streams of one kind are looked for and received."""

    async def look(self, id: str, defined: StreamSettings) -> list[Publication] | None:
        """What is in the stream, which is live; None if that can't be known before it is received.

        Raises NotLive with the reason, or another SourceError if it can't be looked for. Asks its
        server no more often than is good for that.
        """

    async def is_live(self, id: str) -> bool | None:
        """Whether it is live as far as is known on this machine; None: unknown."""

    async def endpoint(self, id: str, defined: StreamSettings) -> Endpoint:
        """How to receive it; a SourceError if that isn't known now."""

    async def forget(self, id: str) -> None:
        """The stream is not defined any more: what is known of it is dropped."""

    async def close(self) -> None:
        """Returns when nothing is left open or running."""


KindName = Literal["whep", "whip", "url"]


def kind_of(defined: StreamSettings) -> KindName | None:
    """The name of its kind: the field that says where it comes from; None if nothing does."""
    if defined.whep is not None:
        return "whep"
    if defined.whip is not None:
        return "whip"
    return "url" if defined.url is not None else None


def address_of(defined: StreamSettings) -> str | None:
    """Where it is fetched from, without anything secret; None if it is sent here."""
    if defined.url is not None:
        return shown(defined.url)
    return None if defined.whep is None else shown_address(defined.whep)
