"""Asks a WHEP server whether a stream is live and what is in it, without receiving anything.

WHEP has no request for that: a session is made, and taken back as soon as its answer is read. Its
offer names no address of ours, so the server has nobody to send to.
"""

from __future__ import annotations

import secrets
from typing import Final

from orchestrator.errors import SourceGarbled
from orchestrator.media import RECEIVABLE, Publication, TrackKind, WhepEndpoint
from orchestrator.whep.http import WhepClient
from orchestrator.whep.publications import KINDS, publications_in

PARTICIPANT: Final = "whep"
"""One publisher behind one resource: its tracks share a clock."""

_STATIC: Final = {"pcmu": 0, "pcma": 8, "g722": 9}
"""Payload types of codecs that have one (RFC 3551 §6)."""

_NOT_ASKED: Final = {"audio/red"}
"""It wraps another one, which is asked for anyway."""

_CLOCKS: Final = {"opus": "48000/2", "pcmu": "8000", "pcma": "8000", "g722": "8000"}
_VIDEO_CLOCK: Final = "90000"
_FORMATS: Final = {
    "h264": "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    "vp9": "profile-id=0",
}
"""Parameters without which servers take a codec for another variant of it."""


async def published(endpoint: WhepEndpoint, *, timeout_s: float) -> list[Publication]:
    """What is in the stream, which is live; NotLive, or another SourceError, if the server says so.

    Nothing is left of the session on a server that can take one back.
    """
    client = WhepClient(endpoint, timeout_s=timeout_s)
    try:
        described = await client.offer(offer())
        return list(publications_in(described.sdp, PARTICIPANT).values())
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
    names = sorted(
        (
            each.rpartition("/")[2]
            for each in RECEIVABLE - _NOT_ASKED
            if each.startswith(f"{kind}/")
        ),
        key=_rank,
    )
    types = {name: _STATIC.get(name, 96 + number) for number, name in enumerate(names)}
    section = [
        f"m={kind} 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, types.values()))}",
        *transport,
        f"a=mid:{mid}",
        "a=recvonly",
        "a=rtcp-mux",
    ]
    for name, payload_type in types.items():
        written = name if name == "opus" else name.upper()
        section.append(f"a=rtpmap:{payload_type} {written}/{_CLOCKS.get(name, _VIDEO_CLOCK)}")
        if name in _FORMATS:
            section.append(f"a=fmtp:{payload_type} {_FORMATS[name]}")
    return section


def _rank(name: str) -> tuple[bool, bool, str]:
    """Opus and what every server has first, as servers take the first that they know."""
    return name != "opus", name not in ("vp8", "h264"), name
