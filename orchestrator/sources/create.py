"""The source for an endpoint."""

from __future__ import annotations

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.errors import SourceError
from orchestrator.media import (
    MAX_FRAME_PIXELS,
    Endpoint,
    LiveKitEndpoint,
    UrlEndpoint,
    WhepEndpoint,
    WhipEndpoint,
)
from orchestrator.sources.livekit.activity.room_activity import RoomActivity
from orchestrator.sources.livekit.session import LiveKitSession
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.reconnecting import ReconnectingSource, Session
from orchestrator.sources.source import OnEvent, Renew, Source
from orchestrator.sources.url.session import UrlInput, UrlSession
from orchestrator.sources.whep.session import WhepSession
from orchestrator.sources.whip.publishers import Publishers
from orchestrator.sources.whip.source import WhipSource


def create(
    endpoint: Endpoint,
    on_event: OnEvent,
    *,
    renew: Renew,
    connect_timeout_s: float,
    reconnect_timeout_s: float,
    max_frame_pixels: int = MAX_FRAME_PIXELS,
    encoded: bool = False,
    keyframe_interval_s: float = 4.0,
    publishers: Publishers | None = None,
    keys: E2eeKeys | None = None,
    url_input: UrlInput | None = None,
    activity: bool = False,
) -> Source:
    """A source that is not open yet; call it in a running loop.

    A connection attempt may take `connect_timeout_s`, an outage `reconnect_timeout_s`.
    Video of more than `max_frame_pixels` isn't decoded. With `encoded` nothing is: frames come as
    they were sent, and each video is asked for a keyframe when none came for `keyframe_interval_s`.
    `publishers` are those of this process, for a stream that is sent to us.
    `keys` decrypt what is end-to-end encrypted.
    An address that ffmpeg reads needs `url_input`.
    With `activity` a room's data messages and what participants do become events, too.
    """
    interval_s = keyframe_interval_s if encoded else None
    if isinstance(endpoint, WhipEndpoint):
        if publishers is None:
            raise SourceError(f"{endpoint.stream_id} is received by another process.")
        return WhipSource(
            publishers,
            on_event,
            wait_s=reconnect_timeout_s,
            max_frame_pixels=max_frame_pixels,
            keyframe_interval_s=interval_s,
        )

    room_activity: RoomActivity | None = None

    def begin(endpoint: Endpoint, receiver: Receiver) -> Session:
        nonlocal room_activity
        if isinstance(endpoint, LiveKitEndpoint):
            if activity and room_activity is None:
                room_activity = RoomActivity(receiver.on_event, receiver.keys)
            return LiveKitSession(
                endpoint, receiver, connect_timeout_s=connect_timeout_s, activity=room_activity
            )
        if isinstance(endpoint, UrlEndpoint):
            assert url_input is not None, "ffmpeg reads it"
            return UrlSession(endpoint, receiver, url_input, connect_timeout_s=connect_timeout_s)
        if isinstance(endpoint, WhepEndpoint):
            return WhepSession(endpoint, receiver, connect_timeout_s=connect_timeout_s)
        raise SourceError("The stream is sent to us now: start the recording again.")

    return ReconnectingSource(
        endpoint,
        on_event,
        begin=begin,
        renew=renew,
        connect_timeout_s=connect_timeout_s,
        reconnect_timeout_s=reconnect_timeout_s,
        max_frame_pixels=max_frame_pixels,
        keyframe_interval_s=interval_s,
        keys=keys,
    )
