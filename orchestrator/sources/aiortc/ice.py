"""ICE: aiortc's configuration."""

from __future__ import annotations

from aiortc import RTCBundlePolicy, RTCConfiguration


def configuration() -> RTCConfiguration:
    """How aiortc connects.

    With any other bundle policy it gives each m-line of an offer a transport of its own, drops it
    for that of the first m-line, and forgets to start the receivers that were on it. The servers
    must be a list: of None aiortc makes a public STUN server, which it asks for our address.
    TURN servers are asked by `turn_relays`.
    """
    return RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
