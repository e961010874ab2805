"""Settings of where streams come from, and of how they are received."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.media import MAX_FRAME_PIXELS
from orchestrator.settings.value_types import HttpUrl, Listed, RoomUrl, from_json


class SourceSettings(BaseModel):
    """Discovery, connections, and what is recorded of a stream."""

    discovery: Annotated[list[Literal["livekit", "pumpfun", "demo"]], Listed] = Field(
        ["livekit", "demo"],
        min_length=1,
        description="Directories to look a stream up in, in this order; livekit needs livekit_url.",
    )
    livekit_url: RoomUrl | None = Field(
        None, description="URL of the LiveKit server, ws:// or wss://."
    )
    livekit_api_key: str | None = Field(None, description="API key of the LiveKit server.")
    livekit_api_secret: SecretStr | None = Field(None, description="API secret of that key.")
    pumpfun_api_url: HttpUrl = Field(
        "https://frontend-api-v3.pump.fun", description="pump.fun's API that lists live streams."
    )
    pumpfun_livestream_url: HttpUrl = Field(
        "https://livestream-api.pump.fun",
        description="pump.fun's API that describes one livestream and issues viewer tokens.",
    )
    pumpfun_livekit_url: RoomUrl = Field(
        "wss://pump-prod-tg2x8veh.livekit.cloud",
        description="LiveKit server that pump.fun's viewers join.",
    )
    e2ee: Annotated[E2eeKeys, from_json('{"passphrase": "…"}')] | None = Field(
        None,
        description="Keys of end-to-end encrypted LiveKit rooms, for those without keys of their "
        "own: a table with passphrase or key, as e2ee of POST /api/recording/start; in the "
        "environment as JSON.",
    )
    demo_url: HttpUrl | None = Field(
        None, description="WHEP URL of a running demo stream; if empty, one is started."
    )
    connect_timeout_s: float = Field(
        10, gt=0, le=60, description="Longest wait for a source's first frame, in seconds."
    )
    reconnect_timeout_s: float = Field(
        60,
        ge=0,
        description="How long to retry a lost connection before the recording ends, in seconds.",
    )
    unpublished_timeout_s: float = Field(
        60,
        ge=0,
        description="How long a recording waits, once nobody publishes, before it ends, in "
        "seconds. Formerly grace_s.",
    )
    video_track_preference: Annotated[
        list[Literal["screen_share", "camera", "host", "largest"]], Listed
    ] = Field(
        ["screen_share", "host", "largest"],
        min_length=1,
        description="Which video track to record when several are published; the first criterion "
        "counts most. Formerly picture.",
    )
    max_frame_pixels: int = Field(
        MAX_FRAME_PIXELS,
        ge=64 * 64,
        le=16_384 * 16_384,
        description="Largest video frame to decode, in pixels; of a larger video only the audio is "
        "recorded.",
    )
    canvas: Literal["follow", "fixed"] = Field(
        "follow",
        description="Frame size of a recording: follow (a source that grows or rotates) or fixed "
        "(as it began).",
    )
