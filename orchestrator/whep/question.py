"""Asks a WHEP server whether a stream is live and what is in it, without receiving anything.

WHEP has no request for that: a session is made, and taken back as soon as its answer is read. Its
offer names no address of ours, so the server has nobody to send to.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from orchestrator.errors import SourceGarbled
from orchestrator.media import Publication, TrackKind, WhepEndpoint
from orchestrator.whep.http import WhepClient
from orchestrator.whep.publications import KINDS, publications_in

PARTICIPANT: Final = "whep"
"""One publisher behind one resource: its tracks share a clock."""

_FORMATS: Final = {
    TrackKind.AUDIO: (
        (96, "opus/48000/2", ""),
        (9, "G722/8000", ""),
        (0, "PCMU/8000", ""),
        (8, "PCMA/8000", ""),
        (109, "red/48000/2", "96/96"),
    ),
    TrackKind.VIDEO: (
        (97, "VP8/90000", ""),
        (
            98,
            "H264/90000",
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        ),
        (99, "VP9/90000", "profile-id=0"),
        (100, "AV1/90000", "level-idx=5;profile=0;tier=0"),
        (101, "H265/90000", "level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST"),
    ),
}
"""Payload type, codec and its parameters, in the order in which a recording's offer has them."""


async def published(endpoint: WhepEndpoint, *, timeout_s: float) -> list[Publication]:
    """What is in the stream, which is live; NotLive, or another SourceError, if the server says so.

    Nothing is left of the session on a server that can take one back.
    """
    client = WhepClient(endpoint, timeout_s=timeout_s)
    try:
        described = await client.offer(offer())
        # A thread, as the many lines of a description of 1 MiB take a while.
        found = await asyncio.to_thread(publications_in, described.sdp, PARTICIPANT)
        return list(found.values())
    except ValueError as wrong:
        raise SourceGarbled(
            f"The WHEP server {endpoint.shown} answered with something that is not SDP.",
            "Check that the address is that of a WHEP resource.",
        ) from wrong
    finally:
        await client.close()


def offer() -> str:
    """An offer to receive one track of each kind, in every codec that is received (RFC 8829 §5.2).

    Its ICE password and fingerprint are made up: no connection is ever tried.
    """
    lines = [
        "v=0",
        f"o=- {secrets.randbits(62)} 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE " + " ".join(str(mid) for mid, _ in enumerate(KINDS)),
    ]
    transport = [
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=ice-ufrag:{secrets.token_hex(4)}",
        f"a=ice-pwd:{secrets.token_hex(16)}",
        "a=fingerprint:sha-256 " + secrets.token_bytes(32).hex(":").upper(),
        "a=setup:actpass",
    ]
    for mid, kind in enumerate(KINDS):
        lines += _section(kind, mid, transport)
    return "\r\n".join(lines) + "\r\n"


def _section(kind: TrackKind, mid: int, transport: list[str]) -> list[str]:
    formats = _FORMATS[kind]
    section = [
        f"m={kind} 9 UDP/TLS/RTP/SAVPF {' '.join(str(number) for number, _, _ in formats)}",
        *transport,
        f"a=mid:{mid}",
        "a=recvonly",
        "a=rtcp-mux",
    ]
    for number, codec, parameters in formats:
        section.append(f"a=rtpmap:{number} {codec}")
        section += [f"a=fmtp:{number} {parameters}"] if parameters else []
    return section
