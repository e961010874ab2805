"""What is in a stream before it is recorded: who publishes what, as far as that can be asked for.

Nothing is joined and nothing is subscribed to. A LiveKit server lists it to whoever has its API
key; a WHEP server describes it in the answer to a session, which is taken back at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from orchestrator.discovery.directory import Directory
from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import HavenError, NotLive, SourceError, StreamNotFound
from orchestrator.media import Publication, Stream, WhepEndpoint

if TYPE_CHECKING:
    from livekit.protocol.models import ParticipantInfo, TrackInfo

MOST_TRACKS: Final = 500
"""Tracks that are shown of one stream."""

MOST_LAYERS: Final = 16

_ANSWER_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Layer:
    """One size in which a video is published (simulcast, SVC)."""

    width: int
    height: int
    bitrate_bps: int
    """0 where nobody says."""


@dataclass(frozen=True, slots=True)
class PublishedTrack:
    """A publication, and what only its platform's list says of it."""

    publication: Publication
    mime_types: tuple[str, ...]
    """Its codec, and those that are published for whoever can't receive it."""
    layers: tuple[Layer, ...] = ()
    simulcast: bool | None = None
    """Whether it comes in several sizes; None: unknown."""


@dataclass(frozen=True, slots=True)
class StreamDetails:
    """A stream, and what is in it."""

    stream: Stream
    published: tuple[PublishedTrack, ...] | None
    """None: it can't be known before the stream is received, or it isn't live."""
    unknown: str = ""
    """Why it is None, in a sentence."""
    absence: HavenError | None = None
    """Why the stream isn't live, or can't be looked for."""


async def details_of(directory: Directory, id: str, keys: E2eeKeys | None = None) -> StreamDetails:
    """What is in the stream of this id; `keys`: those for what is end-to-end encrypted in it.

    One with a name of its own is there while it isn't live, too, as is a room whose keys are kept;
    any other then raises StreamNotFound, or its directory's failure.
    """
    if (named := await directory.named.known(id)) is not None:
        return await _of_named(directory, named)
    try:
        stream = await directory.find(id)
    except HavenError as error:
        if (room := directory.named.room(id)) is None:
            raise
        live = False if isinstance(error, StreamNotFound) else None
        known = replace(room, is_currently_live=live)
        return StreamDetails(known, None, "What is in the room is known while it is live.", error)
    if (infos := await directory.participants(stream)) is not None:
        return StreamDetails(stream, await asyncio.to_thread(_tracks, infos, keys))
    if stream.discovery == "demo":
        return StreamDetails(stream, await _of_demo(directory, stream))
    return StreamDetails(stream, None, "Its platform doesn't tell viewers who publishes what.")


async def _of_named(directory: Directory, stream: Stream) -> StreamDetails:
    unknown = "What is in it is known when it is received."
    try:
        published = await directory.named.look(stream.id)
    except NotLive as error:
        absent = replace(stream, is_currently_live=False)
        return StreamDetails(absent, None, "The stream isn't live.", error)
    except SourceError as error:
        return StreamDetails(replace(stream, is_currently_live=None), None, unknown, error)
    if published is None:
        return StreamDetails(stream, None, unknown)
    live = replace(stream, is_currently_live=True)
    return StreamDetails(live, tuple(map(_described, published)))


async def _of_demo(directory: Directory, stream: Stream) -> tuple[PublishedTrack, ...]:
    from orchestrator.whep.question import published  # noqa: PLC0415 - httpx: on demand

    endpoint = await directory.endpoint(stream, "")
    assert isinstance(endpoint, WhepEndpoint)
    return tuple(map(_described, await published(endpoint, timeout_s=_ANSWER_S)))


def _described(publication: Publication) -> PublishedTrack:
    """As a session's description has it: the sizes come with the frames."""
    return PublishedTrack(publication, (publication.mime_type,) if publication.mime_type else ())


def _tracks(infos: Iterable[ParticipantInfo], keys: E2eeKeys | None) -> tuple[PublishedTrack, ...]:
    """Of a LiveKit room's participants, in the order in which they are listed."""
    return tuple(islice(_all_tracks(infos, keys), MOST_TRACKS))


def _all_tracks(
    infos: Iterable[ParticipantInfo], keys: E2eeKeys | None
) -> Iterator[PublishedTrack]:
    from orchestrator.sources.livekit.room import announced  # noqa: PLC0415 - protobuf: on demand

    for info in infos:
        for track, publication in announced(info, keys.covers if keys else _no_key):
            offered = (track.mime_type, *(codec.mime_type for codec in track.codecs))
            lists = [track.layers, *(codec.layers for codec in track.codecs)]
            sizes = tuple(
                Layer(each.width, each.height, each.bitrate)
                for each in islice(next(filter(None, lists), ()), MOST_LAYERS)
            )
            yield PublishedTrack(
                publication,
                tuple(dict.fromkeys(each.lower() for each in offered if each)),
                sizes,
                _in_sizes(track) if publication.kind == "video" else None,
            )


def _no_key(identity: str) -> bool:
    """Nobody has one."""
    return False


def _in_sizes(track: TrackInfo) -> bool:
    return track.simulcast or len(track.layers) > 1 or any(len(c.layers) > 1 for c in track.codecs)
