"""Named streams that ffmpeg reads from an address.

Whether somebody sends is known when it is read: nobody is asked before, and lists show it as
unknown. An address at which publishers come to us isn't even open until a recording waits there.
"""

from __future__ import annotations

from orchestrator.media import Publication, UrlEndpoint
from orchestrator.settings.groups.streams import StreamSettings


class UrlStreams:
    """The kind `url` (stream_kinds.StreamKind)."""

    async def look(self, id: str, defined: StreamSettings) -> list[Publication] | None:
        """Unknown."""
        return None

    async def is_live(self, id: str) -> bool | None:
        """Unknown."""
        return None

    async def endpoint(self, id: str, defined: StreamSettings) -> UrlEndpoint:
        """Its address."""
        assert defined.url is not None
        return UrlEndpoint(defined.url)

    async def forget(self, id: str) -> None:
        """Nothing is known of it."""

    async def close(self) -> None:
        """Nothing is open."""
