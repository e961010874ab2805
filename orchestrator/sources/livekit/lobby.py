"""Waits in a LiveKit room for the first one to unmute, by signalling alone: no media connection.

The server offers one, which is never answered. So a room that is waited for costs a WebSocket, and
a message when somebody comes, goes, mutes or unmutes.
"""

from __future__ import annotations

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import SourceError
from orchestrator.media import LiveKitEndpoint
from orchestrator.sources.livekit.room import Room
from orchestrator.sources.livekit.signalling import Signalling, SignallingLost, join


async def until_unmuted(
    endpoint: LiveKitEndpoint, *, connect_timeout_s: float, keys: E2eeKeys | None = None
) -> bool:
    """Returns when something is published and not muted; False if the connection ended before.

    What is end-to-end encrypted counts if `keys` has one for it.
    Raises SourceError when the room can't be joined.
    """
    signalling = await join(endpoint, connect_timeout_s)
    try:
        return await _until(signalling, keys)
    except (SignallingLost, SourceError):
        return False
    finally:
        await signalling.close()


async def _until(signalling: Signalling, keys: E2eeKeys | None) -> bool:
    room = Room(signalling.joined) if keys is None else Room(signalling.joined, keys.covers)
    if _unmuted(room):
        return True
    async for message in signalling.messages():
        match message.WhichOneof("message"):
            case "update":
                room.update(message.update.participants)
                if _unmuted(room):
                    return True
            case "leave":
                return False
    return False


def _unmuted(room: Room) -> bool:
    return any(each.receivable and not each.muted for each in room.publications())
