"""All directories as one: asked in the configured order, none of them able to hide the others.

Errors: StreamNotFound when every directory answered and none knows a live stream of that id; the
failure of a directory (SourceRefused, SourceUnreachable, …) when no other one knew it either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from orchestrator.discovery.all_rooms import all_listed
from orchestrator.discovery.configured import ConfiguredDiscovery
from orchestrator.discovery.demo.discovery import DemoDiscovery
from orchestrator.discovery.livekit import LiveKitDiscovery
from orchestrator.discovery.pumpfun.discovery import PumpFunDiscovery
from orchestrator.errors import HavenError, NotFound, SourceUnreachable, StreamNotFound
from orchestrator.ingest.control import folder_of
from orchestrator.media import Endpoint, Stream
from orchestrator.settings import Settings
from orchestrator.stream_ids import check_no_address

if TYPE_CHECKING:
    from livekit.protocol.models import ParticipantInfo

Answer = TypeVar("Answer")

ANSWER_TIMEOUT_S: Final = 8.0
"""Longest wait for one directory; each has a shorter limit of its own for every request."""

VIDEO_ANSWER_S: Final = 1.0
"""How long a start waits for whether there is video; then it is taken for one that has."""


class Discovery(Protocol):
    """One place that knows streams."""

    @property
    def name(self) -> str:
        """The word by which settings and streams call it."""

    async def find(self, id: str) -> Stream | None:
        """The live stream with this id, else None; StreamNotFound to say why it isn't live."""

    async def live(self, limit: int) -> list[Stream]:
        """At most `limit` live streams, the most watched first."""

    async def endpoint(self, stream: Stream, identity: str) -> Endpoint:
        """How to connect as `identity`; a fresh token each time."""

    async def close(self) -> None:
        """Returns when nothing is left open or running."""


class Directory:
    """All configured discoveries behind one interface."""

    def __init__(
        self,
        discoveries: Sequence[Discovery],
        *,
        named: ConfiguredDiscovery | None = None,
        hint: str = "",
    ) -> None:
        self.named = ConfiguredDiscovery({}) if named is None else named
        """Streams with names of their own, which are asked for first."""
        everything: list[Discovery] = [self.named, *discoveries]
        self._discoveries = {discovery.name: discovery for discovery in everything}
        self._hint = hint
        self._failures: dict[str, HavenError] = {}

    @classmethod
    def from_settings(cls, settings: Settings, *, demo_url: str | None = None) -> Directory:
        """The directories that the settings name, less those that lack a setting.

        `demo_url` is a demo stream that runs already; it is used for as long as it does.
        """
        discoveries = [_make(name, settings) for name in dict.fromkeys(settings.discovery)]
        for each in discoveries:
            if isinstance(each, DemoDiscovery):
                each.borrow(demo_url)
        return cls(
            [one for one in discoveries if one is not None],
            named=ConfiguredDiscovery(settings.streams, folder_of(settings.database_url), settings),
            hint=_hint(settings),
        )

    @property
    def names(self) -> list[str]:
        """The directories in use, in the order they are asked."""
        return [name for name in self._discoveries if name != self.named.name or len(self.named)]

    @property
    def failures(self) -> dict[str, HavenError]:
        """The error of each directory whose last answer was a failure."""
        return dict(self._failures)

    def demo_url(self) -> str | None:
        """WHEP address of the demo stream that runs or is configured; None if there is none."""
        demo = self._discoveries.get("demo")
        return demo.url if isinstance(demo, DemoDiscovery) else None

    async def find(self, id: str) -> Stream:
        """The live stream with this id; InvalidRequest if that is an address."""
        check_no_address(id)
        failure: HavenError | None = None
        for discovery in self._discoveries.values():
            try:
                stream = await self._ask(discovery, discovery.find(id))
            except HavenError as error:
                if discovery is self.named:  # it is this one, whatever another may know
                    raise
                failure = _weightier(failure, error)
            else:
                if stream is not None:
                    return stream
        raise failure or StreamNotFound(id, self._hint)

    async def watched(self, id: str) -> Stream:
        """As `find`, for a stream that is looked for again and again.

        A start just tries an address that ffmpeg reads; here it is known first.
        """
        defined = self.named.definition(id)
        if defined is None or defined.url is None:
            return await self.find(id)
        return await self._ask(self.named, self.named.watched(id))

    async def live(self, limit: int) -> list[Stream]:
        """At most `limit` live streams, the most watched first, and those with names of their own.

        Rooms whose keys were given belong to those, live or not. Of them all
        nobody counts who watches: they get half of the places, or what others leave.

        A directory that fails is left out (see `failures`); its error is raised if all failed.
        """
        named = await self.named.live(limit)
        others = [one for one in self._discoveries.values() if one is not self.named]
        answers = await asyncio.gather(*(self._live_of(one, limit) for one in others))
        failures = [answer for answer in answers if isinstance(answer, HavenError)]
        rooms = self.named.rooms()
        if failures and len(failures) == len(answers) and not (named or rooms):
            raise failures[0]
        streams = [s for answer in answers if not isinstance(answer, HavenError) for s in answer]
        # Of two with the same id the first directory's stays, as in find().
        unique = {stream.id: stream for stream in reversed(streams)}
        for stream in named:
            unique.pop(stream.id, None)
        live = False if all_listed(others, answers, limit) else None
        named += [replace(one, is_currently_live=live) for one in rooms if one.id not in unique]
        watched = sorted(unique.values(), key=lambda one: -one.num_participants)
        named = named[: max(limit // 2, limit - len(watched))]
        listed = [*named, *watched[: limit - len(named)]]
        return sorted(listed, key=lambda one: -one.num_participants)

    async def endpoint(self, stream: Stream, identity: str, *, shown: bool = True) -> Endpoint:
        """How to connect to the stream as `identity`; a fresh token each time.

        `shown`: the room says that it is recorded, where we decide that.
        """
        discovery = self._discoveries.get(stream.discovery)
        if discovery is None:
            raise StreamNotFound(
                stream.id, f"It came from {stream.discovery}, which isn't configured. {self._hint}"
            )
        if isinstance(discovery, LiveKitDiscovery):
            return await discovery.endpoint(stream, identity, shown=shown)
        return await discovery.endpoint(stream, identity)

    async def with_video_known(self, stream: Stream) -> Stream:
        """The stream with `video` set, if its directory knows that before one joins."""
        discovery = self._discoveries.get(stream.discovery)
        if not isinstance(discovery, LiveKitDiscovery):
            return stream
        try:
            async with asyncio.timeout(VIDEO_ANSWER_S):
                return replace(stream, video=await discovery.has_video(stream))
        except (HavenError, TimeoutError):
            return stream

    async def participants(self, stream: Stream) -> list[ParticipantInfo] | None:
        """Who is in the stream's room; None where that can't be asked for without joining it."""
        discovery = self._discoveries.get(stream.discovery)
        if not isinstance(discovery, LiveKitDiscovery):
            return None
        return await self._ask(discovery, discovery.participants(stream.id))

    async def close(self) -> None:
        """Closes every directory, also when one of them fails to."""
        async with AsyncExitStack() as stack:
            for discovery in self._discoveries.values():
                stack.push_async_callback(discovery.close)

    async def _live_of(self, discovery: Discovery, limit: int) -> list[Stream] | HavenError:
        try:
            return await self._ask(discovery, discovery.live(limit))
        except HavenError as error:
            return error

    async def _ask(self, discovery: Discovery, answer: Awaitable[Answer]) -> Answer:
        """Waits at most ANSWER_TIMEOUT_S for one directory, and remembers whether it failed."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answered = await answer
        except HavenError as error:
            self._remember(discovery, None if isinstance(error, StreamNotFound) else error)
            raise
        except TimeoutError as error:
            silence = SourceUnreachable(
                f"The directory {discovery.name} didn't answer within {ANSWER_TIMEOUT_S:.0f} s.",
                "Try again; `orchestrator doctor` checks every directory.",
            )
            self._remember(discovery, silence)
            raise silence from error
        self._remember(discovery, None)
        return answered

    def _remember(self, discovery: Discovery, failure: HavenError | None) -> None:
        if failure is None:
            self._failures.pop(discovery.name, None)
        elif discovery is not self.named:  # where one stream's server fails, the others' don't
            self._failures[discovery.name] = failure


@dataclass(frozen=True, slots=True)
class ForWatches:
    """A directory as watches ask it."""

    directory: Directory

    async def find(self, id: str) -> Stream:
        """The stream, which is live (Directory.watched)."""
        return await self.directory.watched(id)

    async def live(self, limit: int) -> list[Stream]:
        """At most `limit` live streams."""
        return await self.directory.live(limit)

    async def unwatched(self, id: str) -> None:
        """The stream is watched no more."""
        await self.directory.named.unwatched(id)


def _weightier(first: HavenError | None, second: HavenError) -> HavenError:
    """The error to raise: a directory that couldn't look counts more than a stream not live."""
    if first is None or (isinstance(first, StreamNotFound) and not isinstance(second, NotFound)):
        return second
    return first


def _make(name: str, settings: Settings) -> Discovery | None:
    makers: dict[str, Callable[[Settings], Discovery | None]] = {
        "livekit": _livekit,
        "pumpfun": _pumpfun,
        "demo": _demo,
    }
    maker = makers.get(name)
    return maker(settings) if maker else None


def _livekit(settings: Settings) -> Discovery | None:
    url, key, secret = (
        settings.livekit_url,
        settings.livekit_api_key,
        settings.livekit_api_secret,
    )
    if not (url and key and secret):
        return None
    return LiveKitDiscovery(url, key, secret.get_secret_value())


def _pumpfun(settings: Settings) -> Discovery:
    return PumpFunDiscovery(
        settings.pumpfun_api_url, settings.pumpfun_livestream_url, settings.pumpfun_livekit_url
    )


def _demo(settings: Settings) -> Discovery:
    return DemoDiscovery(settings.demo_url)


def _hint(settings: Settings) -> str:
    """What to set so that more streams are found; empty if nothing is missing."""
    values = {
        "ORCHESTRATOR_LIVEKIT_URL": settings.livekit_url,
        "ORCHESTRATOR_LIVEKIT_API_KEY": settings.livekit_api_key,
        "ORCHESTRATOR_LIVEKIT_API_SECRET": settings.livekit_api_secret,
    }
    missing = [name for name, value in values.items() if not value]
    if "livekit" not in settings.discovery or not missing:
        return ""
    return (
        f"LiveKit isn't configured, so no room of it can be found: set {', '.join(missing)}."
        " GET /api/streams lists the streams that are live now."
    )
