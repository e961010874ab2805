"""The source for an endpoint."""

from __future__ import annotations

from orchestrator.media import Endpoint, LiveKitEndpoint
from orchestrator.sources.keeper import KeptSource, Session
from orchestrator.sources.livekit import LiveKitSession
from orchestrator.sources.receiver import Receiver
from orchestrator.sources.source import OnEvent, Renew, Source
from orchestrator.sources.whep import WhepSession


def create(
    endpoint: Endpoint,
    on_event: OnEvent,
    *,
    renew: Renew,
    connect_timeout_s: float,
    reconnect_timeout_s: float,
) -> Source:
    """A source that is not open yet; call it in a running loop.

    A connection attempt may take `connect_timeout_s`, an outage `reconnect_timeout_s`.
    """

    def begin(endpoint: Endpoint, receiver: Receiver) -> Session:
        if isinstance(endpoint, LiveKitEndpoint):
            return LiveKitSession(endpoint, receiver, connect_timeout_s=connect_timeout_s)
        return WhepSession(endpoint, receiver, connect_timeout_s=connect_timeout_s)

    return KeptSource(
        endpoint,
        on_event,
        begin=begin,
        renew=renew,
        connect_timeout_s=connect_timeout_s,
        reconnect_timeout_s=reconnect_timeout_s,
    )
