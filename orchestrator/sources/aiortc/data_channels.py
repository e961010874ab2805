"""The data channels that the other side opens."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from aiortc import RTCDataChannel, RTCPeerConnection

MOST_UNFINISHED_BYTES: Final = 8 * 2**20
"""Of messages whose end hasn't come. What we announce (RFC 9260 §3.3.2, a_rwnd) is a mebibyte, but
aiortc takes more from who doesn't obey."""

WINDOW: Final = "_advertised_rwnd"
"""Attribute of aiortc's RTCSctpTransport: what is left of that mebibyte."""

OnMessage = Callable[[str, bytes, int], None]
"""Gets a channel's label, a message, and when it came, on `time.monotonic_ns()`'s scale."""


def follow_data(connection: RTCPeerConnection, on_message: OnMessage) -> None:
    """Passes on every binary message of every channel."""

    def opened(channel: RTCDataChannel) -> None:
        label = channel.label

        def came(message: str | bytes) -> None:
            if isinstance(message, bytes):
                on_message(label, message, time.monotonic_ns())

        channel.on("message", came)

    connection.on("datachannel", opened)


def never_ending(connection: RTCPeerConnection) -> bool:
    """Whether more than is good came of messages that don't end."""
    sctp = connection.sctp
    return sctp is not None and int(getattr(sctp, WINDOW)) < -MOST_UNFINISHED_BYTES
