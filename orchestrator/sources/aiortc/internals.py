"""Private names of aiortc that a recorder needs (see `receiver_tap`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from aioice import Connection
from aiortc import RTCPeerConnection, RTCRtpReceiver
from aiortc.sdp import MediaDescription

INTERNALS: Final = {
    name: f"_RTCRtpReceiver__{name}"
    for name in (
        "codecs",
        "decoder_queue",
        "lsr",
        "lsr_time",
        "remote_streams",
        "rtcp_ssrc",
        "rtx_ssrc",
    )
}
"""Attributes of `RTCRtpReceiver` read or replaced here."""


class Inside:
    """What is inside of one receiver, by the names of `INTERNALS`."""

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        self._receiver = receiver

    def get(self, name: str) -> Any:
        return getattr(self._receiver, INTERNALS[name])

    def set(self, name: str, value: object) -> None:
        setattr(self._receiver, INTERNALS[name], value)


CONNECT: Final = "_RTCPeerConnection__connect"
"""Starts transports and receivers; harmless where they are started."""


async def start_receivers(connection: RTCPeerConnection) -> None:
    """Starts the receivers that aiortc left out because the transport was not connected yet."""
    await getattr(connection, CONNECT)()


def route(receiver: RTCRtpReceiver, media: MediaDescription, payload_types: Iterable[int]) -> None:
    """Has a running receiver get what a later description names."""
    router = receiver.transport._rtp_router
    if receiver not in router.receivers:
        return  # not started: aiortc reads all of this itself when it starts
    rtx = Inside(receiver).get("rtx_ssrc")
    for group in media.ssrc_group:
        if group.semantic == "FID" and len(group.items) == 2:
            rtx[int(group.items[1])] = int(group.items[0])
    for description in media.ssrc:
        router.ssrc_table[description.ssrc] = receiver
    for payload_type in payload_types:
        router.payload_type_table.setdefault(payload_type, set()).add(receiver)


def unroute(receiver: RTCRtpReceiver) -> None:
    """Forgets which RTP streams this receiver got; a description names the next ones."""
    table = receiver.transport._rtp_router.ssrc_table
    for ssrc in [each for each, known in table.items() if known is receiver]:
        del table[ssrc]


def ice_connection(connection: RTCPeerConnection) -> Connection | None:
    """The one ICE connection that everything is bundled on; None before there is any."""
    transports = [each.receiver.transport for each in connection.getTransceivers()]
    if connection.sctp is not None:
        transports.append(connection.sctp.transport)
    return transports[0].transport._connection if transports else None
