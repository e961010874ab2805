"""Wire types of /api/live and /api/pumpfun: the desktop app's list of live streams."""

from __future__ import annotations

from typing import Literal

from orchestrator.api.schemas.common import MINT_ID, Wire, example, example_of


class LiveStream(Wire):
    """A live stream with everything its platform reports; null where it reports nothing."""

    mint_id: str
    """The `mint_id` for POST /api/recording/start."""
    name: str | None
    symbol: str | None
    description: str | None
    image_uri: str | None
    thumbnail: str | None
    creator: str | None
    market_cap: float | None
    usd_market_cap: float | None
    num_participants: int
    """Viewers and publishers."""
    is_currently_live: bool
    created_timestamp: int | None
    """When the coin or room was created, in milliseconds since 1970."""
    last_trade_timestamp: int | None
    """When the coin was last traded, in milliseconds since 1970."""
    nsfw: bool
    website: str | None
    twitter: str | None
    telegram: str | None

    model_config = example(
        {
            "mint_id": MINT_ID,
            "name": "Example Coin",
            "symbol": "EXC",
            "description": "An example.",
            "image_uri": "https://example.org/coin.png",
            "thumbnail": "https://example.org/thumb.jpg",
            "creator": "8tRrvRsXKnXBA2r1pJs8MRwTYGHu3vmYHAmJwdLpzsDV",
            "market_cap": 28.5,
            "usd_market_cap": 4200.25,
            "num_participants": 150,
            "is_currently_live": True,
            "created_timestamp": 1760226028189,
            "last_trade_timestamp": 1760226128189,
            "nsfw": False,
            "website": None,
            "twitter": None,
            "telegram": None,
        }
    )


class Validity(Wire):
    """Whether a stream is known and live."""

    mint_id: str
    is_valid: bool
    is_live: bool
    """The same as `is_valid`: only live streams can be found."""

    model_config = example({"mint_id": MINT_ID, "is_valid": True, "is_live": True})


class LiveStats(Wire):
    """Totals over the live streams; for pump.fun, over the part of its list that is read."""

    total_live_streams: int
    total_participants: int
    nsfw_streams: int
    sfw_streams: int
    top_stream: LiveStream | None
    """The most watched one."""

    model_config = example(
        {
            "total_live_streams": 1,
            "total_participants": 150,
            "nsfw_streams": 0,
            "sfw_streams": 1,
            "top_stream": example_of(LiveStream),
        }
    )


class StreamToken(Wire):
    """A viewer's token for a stream's LiveKit room."""

    mint_id: str
    token: str
    livekit_url: str
    role: Literal["viewer"] = "viewer"

    model_config = example(
        {
            "mint_id": MINT_ID,
            "token": "header.claims.signature",
            "livekit_url": "wss://example.livekit.cloud",
            "role": "viewer",
        }
    )


class Connection(StreamToken):
    """Everything a viewer needs to join a stream's LiveKit room."""

    success: Literal[True] = True
    room_name: str | None
    """The room that the token is for."""
    participant_sid: str | None = None
    """Null: the publisher's id is only known inside the room, which this server does not join."""
    stream_data: LiveStream
    connection_status: Literal["active"] = "active"

    model_config = example(
        {
            **example_of(StreamToken),
            "success": True,
            "room_name": f"{MINT_ID}:1273190",
            "participant_sid": None,
            "stream_data": example_of(LiveStream),
            "connection_status": "active",
        }
    )


class Disconnected(Wire):
    """The end of a viewer's connection."""

    success: Literal[True] = True
    mint_id: str
    message: str

    model_config = example(
        {"success": True, "mint_id": MINT_ID, "message": "Stream disconnected successfully"}
    )
