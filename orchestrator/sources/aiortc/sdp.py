"""Session descriptions from servers: limited and completed before aiortc acts on them. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from orchestrator.errors import SourceError

MAX_SDP_BYTES: Final = 1 << 20
MOST_MEDIA: Final = 300
"""m-lines of a description: LiveKit makes one for each track that is received at the same time."""

MOST_CANDIDATES: Final = 64
"""Addresses of one connection that are tried: each gets packets from us."""

MOST_SSRC_LINES: Final = 64
"""Lines about SSRCs in one m-line: some four for each of a simulcast's streams and retransmissions.
aiortc's time to parse them grows with the square of their number."""

MAX_CANDIDATE_BYTES: Final = 4096

_DIRECTIONS: Final = ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive")
_MEDIA: Final = ("m=audio ", "m=video ")
_CANDIDATE: Final = "a=candidate:"
_SSRC: Final = "a=ssrc:"
_PORT: Final = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trickled candidate: the attribute's value, and which m-line it is for."""

    line: str
    mid: str | None
    index: int | None


def bounded(sdp: str) -> str:
    """The description without candidates and SSRCs beyond the limits; raises SourceError."""
    if len(sdp) > MAX_SDP_BYTES:
        raise _too_large(f"is larger than {MAX_SDP_BYTES // 2**20} MiB")
    lines = sdp.splitlines()
    if sum(line.startswith("m=") for line in lines) > MOST_MEDIA:
        raise _too_large(f"has more than {MOST_MEDIA} m-lines")
    seen: set[str] = set()
    kept = []
    ssrc_lines = 0
    for line in lines:
        if line.startswith("m="):
            ssrc_lines = 0
        elif line.startswith(_SSRC):
            ssrc_lines += 1
            if ssrc_lines > MOST_SSRC_LINES:
                continue
        elif line.startswith(_CANDIDATE):
            if not has_port(line):
                continue
            if line not in seen and len(seen) >= MOST_CANDIDATES:
                continue
            seen.add(line)
        kept.append(line)
    return "\r\n".join(kept) + "\r\n"


def directed(sdp: str) -> str:
    """The description with the direction of each m-line that doesn't say it (RFC 8866 §6.7).

    It is the session's, or sendrecv; aiortc takes it for one that sends nothing.
    """
    session, *sections = _sections(sdp)
    usual = next((line for line in session if line in _DIRECTIONS), _DIRECTIONS[0])
    lines = list(session)
    for section in sections:
        lines += section
        if section[0].startswith(_MEDIA) and not any(line in _DIRECTIONS for line in section):
            lines.append(usual)
    return "\r\n".join(lines) + "\r\n"


def candidate_of(init: str) -> Candidate | None:
    """Parses an RTCIceCandidateInit (JSON); None for one that is of no use."""
    if not init or len(init) > MAX_CANDIDATE_BYTES:
        return None
    try:
        found = json.loads(init)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    line, mid, index = (found.get(name) for name in ("candidate", "sdpMid", "sdpMLineIndex"))
    if not isinstance(line, str) or not line:
        return None
    mid = mid if isinstance(mid, str) else None
    index = index if isinstance(index, int) else None
    return Candidate(line, mid, 0 if mid is None and index is None else index)


def has_port(candidate: str) -> bool:
    """Whether the port of a candidate's attribute is one: asyncio closes a socket that sends to
    any other, and with it the ways that work."""
    fields = candidate.split()
    return len(fields) > 5 and bool(_PORT.fullmatch(fields[5])) and 0 < int(fields[5]) <= 0xFFFF


def _too_large(why: str) -> SourceError:
    return SourceError(f"The server's description of the stream {why}.", "Ask its operator.")


def completed(answer: str, offer: str) -> str:
    """The answer with those sections filled in that it rejects (port 0) without a word.

    RFC 8829 §5.3.1 lets a server leave out everything of them; aiortc wants it all the same.
    """
    session, *answered = _sections(answer)
    _, *offered = _sections(offer)
    sender = next((each for each in answered if not _rejected(each)), None)
    if sender is None:
        return answer
    transport = [line for line in sender if line.startswith(_TRANSPORT)]
    filled = [
        _inactive(theirs, ours, transport) if _rejected(theirs) else theirs
        for theirs, ours in zip(answered, offered, strict=False)
    ]
    lines = [*session, *(line for each in (*filled, *answered[len(filled) :]) for line in each)]
    return "\r\n".join(lines) + "\r\n"


_TRANSPORT: Final = ("a=ice-ufrag:", "a=ice-pwd:", "a=ice-options:", "a=fingerprint:", "a=setup:")
_OURS: Final = ("a=mid:", "a=rtpmap:", "a=fmtp:", "a=rtcp-fb:", "a=rtcp-mux")


def _sections(sdp: str) -> list[list[str]]:
    """The session's lines, then each m-line with those that follow it."""
    found: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            found.append([])
        found[-1].append(line)
    return found


def _rejected(section: list[str]) -> bool:
    port = section[0].split(" ")[1:2]
    return port == ["0"] and "a=bundle-only" not in section


def _inactive(theirs: list[str], ours: list[str], transport: list[str]) -> list[str]:
    kind, _, *rest = ours[0].split(" ")
    kept = [line for line in ours if line.startswith(_OURS)]
    connection = [line for line in theirs if line.startswith("c=")] or ["c=IN IP4 0.0.0.0"]
    return [" ".join([kind, "0", *rest]), *connection, *kept, *transport, "a=inactive"]
