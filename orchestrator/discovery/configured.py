"""Streams with names of their own as a directory: those of the settings, and those added later.

Each comes from one place, which decides its kind (`stream_kinds`). A stream that is defined here is
looked for nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from orchestrator.discovery.stream_kinds import StreamKind, kind_of
from orchestrator.discovery.url_streams import UrlStreams
from orchestrator.discovery.whep_streams import WhepStreams
from orchestrator.discovery.whip_streams import WhipStreams
from orchestrator.errors import NotLive, SourceRefused, StreamNotFound
from orchestrator.media import Endpoint, Publication, Stream
from orchestrator.settings.groups.encoding import EncodingSettings
from orchestrator.settings.groups.streams import StreamSettings

NAME = "configured"


class ConfiguredDiscovery:
    """The streams that settings and requests define."""

    name = NAME

    def __init__(
        self,
        streams: Mapping[str, StreamSettings],
        publishers: Path | None = None,
        settings: EncodingSettings | None = None,
    ) -> None:
        """`publishers`: the folder of their control sockets (ingest.control)."""
        self._streams = dict(streams)
        self._refused: set[str] = set()
        """Those that are listed and not read."""
        self._url = UrlStreams(settings)
        self._kinds: dict[str, StreamKind] = {"whep": WhepStreams(), "url": self._url}
        if publishers is not None:
            self._kinds["whip"] = WhipStreams(publishers)
        """By the field of a definition that says where a stream comes from."""

    def __len__(self) -> int:
        """How many streams of kinds that are received here are defined."""
        return sum(self._kind(defined) is not None for defined in self._streams.values())

    def definition(self, id: str) -> StreamSettings | None:
        """What was said of a stream; None if nothing was."""
        return self._streams.get(id)

    def room(self, id: str) -> Stream | None:
        """The room of this id if only its keys are defined; whether it is live isn't known here."""
        defined = self._streams.get(id)
        if defined is None or defined.e2ee is None:
            return None
        return _stream(id, defined, live=None)

    def rooms(self) -> list[Stream]:
        """All rooms of which only the keys are defined."""
        return [room for id in self._streams if (room := self.room(id)) is not None]

    def put(self, id: str, defined: StreamSettings, *, allowed: bool = True) -> None:
        """Defines a stream from now on; one that isn't allowed is listed and not read."""
        self._streams[id] = defined
        if allowed:
            self._refused.discard(id)
        else:
            self._refused.add(id)

    async def remove(self, id: str) -> None:
        """Forgets a stream."""
        self._refused.discard(id)
        defined = self._streams.pop(id, None)
        kind = self._kind(defined) if defined is not None else None
        if kind is not None:
            await kind.forget(id)

    def call_when_seen(self, call: Callable[[str], None]) -> None:
        """Calls it with the id of a watched stream to which somebody publishes now."""
        self._url.on_seen = call

    async def unwatched(self, id: str) -> None:
        """A watch looks for it no more: nothing waits for its publisher."""
        await self._url.forget(id)

    async def find(self, id: str) -> Stream | None:
        """The stream of this id, which is live; StreamNotFound if it isn't, None if it is unknown.

        Raises what its server's answer means if that is anything else, as SourceRefused if the
        settings don't allow it.
        """
        self._check(id)
        if (source := self._source(id)) is None:
            return None
        defined, kind = source
        try:
            published = await kind.look(id, defined)
        except NotLive as absence:
            raise StreamNotFound(id, str(absence)) from absence
        return _stream(id, defined, live=True, published=published)

    async def known(self, id: str) -> Stream | None:
        """The stream of this id, live or not; None if none is defined. Asks no other machine."""
        if (source := self._source(id)) is None:
            return None
        defined, kind = source
        return _stream(id, defined, live=await kind.is_live(id))

    async def look(self, id: str) -> list[Publication] | None:
        """What is in the stream, which is live; None if only those know who receive it.

        Raises NotLive with the reason, or another SourceError if it can't be looked for.
        """
        self._check(id)
        defined, kind = self._received(id)
        return await kind.look(id, defined)

    async def watched(self, id: str) -> Stream:
        """The stream of this id, which ffmpeg reads and which is live; errors as `find` has."""
        self._check(id)
        defined = self._streams.get(id)
        if defined is None:
            raise StreamNotFound(id)
        try:
            await self._url.watched(id, defined)
        except NotLive as absence:
            raise StreamNotFound(id, str(absence)) from absence
        return _stream(id, defined, live=True)

    async def live(self, limit: int) -> list[Stream]:
        """All that are defined, those known to be live first: no other machine is asked."""
        known = [
            (id, defined, kind)
            for id, defined in self._streams.items()
            if (kind := self._kind(defined)) is not None
        ]
        answers = await asyncio.gather(*(kind.is_live(id) for id, _, kind in known))
        streams = [
            _stream(id, defined, live=live)
            for (id, defined, _), live in zip(known, answers, strict=True)
        ]
        return sorted(streams, key=lambda one: not one.is_currently_live)[:limit]

    async def endpoint(self, stream: Stream, identity: str) -> Endpoint:
        """Where it is received; StreamNotFound if it isn't defined any more, or SourceRefused."""
        self._check(stream.id)
        defined, kind = self._received(stream.id)
        return await kind.endpoint(stream.id, defined)

    async def close(self) -> None:
        """Closes what the kinds have open."""
        for kind in self._kinds.values():
            await kind.close()

    def _check(self, id: str) -> None:
        if id in self._refused:
            raise SourceRefused(
                f"Stream {id} is not read: a request named its address, and may not any more.",
                "Set ORCHESTRATOR_ALLOW_URL_STREAMS, or remove the stream and define it in the "
                "settings or with `orchestrator streams add`.",
            )

    def _received(self, id: str) -> tuple[StreamSettings, StreamKind]:
        """The definition of a stream, and its kind; StreamNotFound if there is none any more."""
        if (source := self._source(id)) is None:
            raise StreamNotFound(id, "It was removed: POST /api/streams adds it again.")
        return source

    def _source(self, id: str) -> tuple[StreamSettings, StreamKind] | None:
        """The same; None if there is none."""
        defined = self._streams.get(id)
        kind = self._kind(defined) if defined is not None else None
        return None if defined is None or kind is None else (defined, kind)

    def _kind(self, defined: StreamSettings) -> StreamKind | None:
        name = kind_of(defined)
        return None if name is None else self._kinds.get(name)


def _stream(
    id: str,
    defined: StreamSettings,
    *,
    live: bool | None,
    published: list[Publication] | None = None,
) -> Stream:
    video = None if published is None else any(each.kind == "video" for each in published)
    return Stream(
        id=id, discovery=NAME, name=defined.name or id, video=video, is_currently_live=live
    )
