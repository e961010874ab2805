"""Named streams that their publishers send to this machine (WHIP, RFC 9725).

The process that holds a publisher is asked, within this machine; nothing is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator.errors import HavenError, NotLive
from orchestrator.ingest.control import NobodyListens, ask, socket_of
from orchestrator.media import Publication, TrackKind, TrackSource, WhipEndpoint
from orchestrator.settings.groups.streams import StreamSettings

log = structlog.get_logger(__name__)

ANSWER_S: Final = 2.0
"""Longest wait for that process, which answers within a millisecond."""


class WhipStreams:
    """The kind `whip` (stream_kinds.StreamKind)."""

    def __init__(self, folder: Path) -> None:
        """`folder`: where the control sockets are (ingest.control)."""
        self._folder = folder

    async def look(self, id: str, defined: StreamSettings) -> list[Publication]:
        """What its publisher sends; NotLive while there is none."""
        publisher = await self._publisher(id)
        if publisher is None:
            raise NotLive(
                f"Nobody publishes {id} now.",
                "Send it to /whip/ of this server, with the stream's key as bearer token.",
            )
        return [_publication(track) for track in publisher["tracks"]]

    async def is_live(self, id: str) -> bool | None:
        """Whether its publisher is connected; None if the process that holds it doesn't say."""
        try:
            return await self._publisher(id) is not None
        except HavenError:
            return None

    async def endpoint(self, id: str, defined: StreamSettings) -> WhipEndpoint:
        """Whoever holds its publisher."""
        return WhipEndpoint(id)

    async def forget(self, id: str) -> None:
        """A publisher that is connected has lost its stream."""
        try:
            await ask(socket_of(self._folder, id), op="end")
        except NobodyListens:
            return
        except HavenError as error:  # the stream is gone all the same
            log.warning("a publisher's process doesn't end", stream=id, error=error.error)

    async def close(self) -> None:
        """Nothing is open."""

    async def _publisher(self, id: str) -> dict[str, Any] | None:
        try:
            answer = await ask(socket_of(self._folder, id), timeout_s=ANSWER_S, op="status")
        except NobodyListens:
            return None
        publisher: dict[str, Any] | None = answer["publisher"]
        return publisher


def _publication(track: dict[str, Any]) -> Publication:
    return Publication(
        sid=track["sid"],
        kind=TrackKind(track["kind"]),
        source=TrackSource(track["source"]),
        mime_type=track["mime_type"],
        width=track["width"],
        height=track["height"],
    )
