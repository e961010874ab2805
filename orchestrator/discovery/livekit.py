"""A LiveKit server as a directory: its rooms are the streams, a room's name is the stream's id.

Rooms come from RoomService.ListRooms (livekit_room.proto), tokens are minted here from the API key
(docs.livekit.io, "Tokens & grants"). A room is live when somebody publishes in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from orchestrator.errors import (
    HavenError,
    SettingsError,
    SourceError,
    SourceRefused,
    SourceUnreachable,
    StreamNotFound,
)
from orchestrator.media import LiveKitEndpoint, Stream

if TYPE_CHECKING:
    from livekit.api import ServerError
    from livekit.api.room_service import RoomService
    from livekit.protocol.models import ParticipantInfo, Room

REQUEST_TIMEOUT_S: Final = 5.0
TOKEN_LIFETIME: Final = timedelta(minutes=10)
"""It only has to last until the join; the server renews it by signalling (refresh_token)."""

_LOOKS, _LOOK_S = 5, 0.25
"""How often, and how many seconds apart, participants without tracks are checked again."""

_SCHEMES: Final = ("ws", "wss", "http", "https")


class LiveKitDiscovery:
    """The rooms of one LiveKit server."""

    name = "livekit"

    def __init__(self, url: str, api_key: str, api_secret: str) -> None:
        parsed = urlsplit(url)
        if parsed.scheme not in _SCHEMES or not parsed.hostname:
            raise SettingsError(
                f"{url!r} is no address of a LiveKit server.",
                "ORCHESTRATOR_LIVEKIT_URL has the form wss://host or ws://host:7880.",
            )
        self._url = url
        self._api_key = api_key
        self._api_secret = api_secret

    async def find(self, id: str) -> Stream | None:
        """The room of this name; StreamNotFound with the reason if nobody publishes in it."""
        for room in await self._rooms([id]):
            if room.name != id:
                continue
            if not room.num_publishers and not await self._published(id):
                raise StreamNotFound(
                    id, f"The LiveKit room {id} exists, but nobody publishes in it at present."
                )
            return _stream(room)
        return None

    async def live(self, limit: int) -> list[Stream]:
        """The rooms in which somebody publishes, the fullest first."""
        streams = [_stream(room) for room in await self._rooms([]) if room.num_publishers]
        return sorted(streams, key=lambda one: -one.num_participants)[:limit]

    async def endpoint(
        self, stream: Stream, identity: str, *, shown: bool = True
    ) -> LiveKitEndpoint:
        """The server, with a token that lets `identity` join hidden and only receive.

        `shown`: the room says that it is recorded (Room.active_recording).
        """
        token = await asyncio.to_thread(self._token, stream.id, identity, shown=shown)
        return LiveKitEndpoint(url=self._url, token=token)

    async def has_video(self, stream: Stream) -> bool:
        """Whether anybody publishes video in it now."""
        from livekit.protocol.models import TrackType  # noqa: PLC0415

        participants = await self.participants(stream.id)
        return any(track.type == TrackType.VIDEO for one in participants for track in one.tracks)

    async def close(self) -> None:
        """Nothing stays open between requests."""

    def _token(self, room: str, identity: str, *, shown: bool) -> str:
        # Imported only where it is needed, and off the event loop: it takes a third of a second.
        from livekit.api import AccessToken, VideoGrants  # noqa: PLC0415

        grants = VideoGrants(
            room_join=True,
            room=room,
            hidden=True,
            # Neither keeps a room open that everybody has left (livekit-server, IsDependent).
            recorder=shown,
            agent=not shown,
            can_publish=False,
            can_publish_data=False,
            can_subscribe=True,
        )
        token = AccessToken(self._api_key, self._api_secret).with_identity(identity)
        return token.with_grants(grants).with_ttl(TOKEN_LIFETIME).to_jwt()

    async def _rooms(self, names: list[str]) -> list[Room]:
        async with self._service() as service:
            from livekit.api import ListRoomsRequest  # noqa: PLC0415

            return list((await service.list_rooms(ListRoomsRequest(names=names))).rooms)

    async def _published(self, room: str) -> bool:
        """Whether anybody publishes now or within about a second.

        Counts in the list of rooms are seconds old, and a participant lists a track only a little
        after its publisher was informed that it is published.
        """
        for _ in range(_LOOKS):
            publishing = await self._publishing(room)
            if any(publishing) or not publishing:
                break
            await asyncio.sleep(_LOOK_S)
        return any(publishing)

    async def _publishing(self, room: str) -> list[bool]:
        """For each participant, whether it has tracks."""
        return [bool(participant.tracks) for participant in await self.participants(room)]

    async def participants(self, room: str) -> list[ParticipantInfo]:
        """Who is in a room, with what they publish; nobody notices."""
        async with self._service() as service:
            from livekit.api import ListParticipantsRequest  # noqa: PLC0415

            answer = await service.list_participants(ListParticipantsRequest(room=room))
            return list(answer.participants)

    @asynccontextmanager
    async def _service(self) -> AsyncIterator[RoomService]:
        """The server's room service for one request, and what its failures mean."""
        await asyncio.to_thread(_load)
        from aiohttp import ClientError  # noqa: PLC0415
        from livekit.api import LiveKitAPI, ServerError  # noqa: PLC0415

        try:
            # A limit of our own: livekit-api passes timeout=None on, which lifts its session's.
            async with (
                asyncio.timeout(REQUEST_TIMEOUT_S),
                LiveKitAPI(self._url, self._api_key, self._api_secret, failover=False) as api,
            ):
                yield api.room
        except ServerError as error:
            raise self._refusal(error) from error
        except (ClientError, TimeoutError, OSError) as error:
            raise self._silence(error) from error

    def _refusal(self, error: ServerError) -> HavenError:
        if error.status in (401, 403):
            return SourceRefused(
                f"The LiveKit server {self._url} refuses the API key {self._api_key}:"
                f" {error.message or error.code}.",
                "Check ORCHESTRATOR_LIVEKIT_API_KEY and ORCHESTRATOR_LIVEKIT_API_SECRET.",
            )
        return SourceError(
            f"The LiveKit server {self._url} can't list its rooms: {error.message or error.code}"
            f" (HTTP {error.status}).",
            "Check that ORCHESTRATOR_LIVEKIT_URL is a LiveKit server; look into its log.",
        )

    def _silence(self, error: Exception) -> SourceUnreachable:
        reason = str(error) or f"no answer within {REQUEST_TIMEOUT_S:.0f} s"
        return SourceUnreachable(
            f"The LiveKit server {self._url} can't be reached: {reason}.",
            "Check that it runs and that ORCHESTRATOR_LIVEKIT_URL is its address.",
        )


def _load() -> None:
    import livekit.api  # noqa: F401, PLC0415


def _stream(room: Room) -> Stream:
    return Stream(
        id=room.name,
        discovery=LiveKitDiscovery.name,
        name=room.name,
        num_participants=room.num_participants,
        # Milliseconds, as the other directories give it.
        created_timestamp=room.creation_time_ms or room.creation_time * 1000 or None,
    )
