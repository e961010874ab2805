"""Why a push ended, in words, from what its ffmpeg said. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from orchestrator.errors import PushFailed
from orchestrator.pushing.address import PushAddress
from orchestrator.pushing.hidden_arguments import CANNOT_HIDE

_LEVEL: Final = re.compile(r"^(?:\[[^\]]* @ 0x[0-9a-f]+\] )?\[(warning|error|fatal)\] ")
_REFUSED: Final = re.compile(r"HTTP error (400|406|415|422|488)\b|^m=video 0 ")
"""RFC 9725 §4.2 leaves the status open; a rejected m-line has port 0 (RFC 3264 §6)."""
_ADDRESS: Final = "Check the address, and that the other server runs and takes streams."
_KEY: Final = "Check the stream key, the passphrase or the token."
_LATER: Final = "It is tried again by itself; check the other server and the network between."

_KNOWN: Final[Sequence[tuple[str, str, str]]] = (
    (r"ptrace is forbidden", "the system doesn't let its address be hidden from other users",
     "Allow ptrace(2) to the recorder (in a container: its seccomp profile)."),
    (r"Publish\.BadName|BadName", "the server refuses the stream key", _KEY),
    (r"BADSECRET|bad ?secret|wrong password", "the passphrase is wrong", _KEY),
    (r"HTTP error 401|401 Unauthorized|HTTP error 403|403 Forbidden|authorization failed|"
     r"authmod=|Connect\.Rejected", "the server refuses the key or the token", _KEY),
    (r"HTTP error 404|404 Not Found", "the server knows no such stream (404)", _ADDRESS),
    (r"HTTP error (400|406|415|422|488)", "the server refuses what is offered to it",
     "Check that it takes H.264 and Opus by WHIP."),
    (r"certificate verify failed|Cannot open connection tls:.*\n?.*Input/output error",
     "no TLS connection, or the server's certificate isn't valid for its name",
     "Its authority has to be known; SSL_CERT_FILE may name a file with it."),
    (r"Connection refused", "the connection is refused", _ADDRESS),
    (r"Failed to resolve hostname|Name or service not known|not known", "its name can't be found",
     _ADDRESS),
    (r"No route to host|Network is unreachable", "there is no way to it", _ADDRESS),
    (r"muxer: End of file|muxing a packet: End of file", "the server closed the connection",
     "Servers that refuse a key do that, too; check the key, the other server and the network."),
    (r"Connection reset by peer|Broken pipe|Connection does not exist|Connection was broken",
     "the server closed the connection", _LATER),
    (r"timed out|ETIMEDOUT|Immediate exit|connection time", "the server doesn't answer", _LATER),
    (r"rejected", "the server refuses the connection", _KEY),
)  # fmt: skip


def failure_of(
    address: PushAddress, code: int | None, said: Sequence[str], sent: bool
) -> PushFailed:
    """Why it ended. `sent`: after something had been sent; `said`: its last lines."""
    marked = [line for line in said if _LEVEL.match(line)]
    lines = [_LEVEL.sub("", line) for line in marked]
    text = "\n".join(lines)
    did = "is interrupted" if sent else "doesn't begin"
    for pattern, why, advice in _KNOWN:
        if re.search(pattern, text, re.IGNORECASE):
            return PushFailed(f"The push to {address.shown} {did}: {why}.", advice)
    if code == CANNOT_HIDE:
        return failure_of(address, 0, ["[fatal] ptrace is forbidden"], sent)
    ends = f"signal {-code}" if code and code < 0 else f"code {code}"
    # From the first one the others follow.
    errors = [line for line, whole in zip(lines, marked, strict=True) if "[warning]" not in whole]
    last = errors[0].rstrip(".") if errors else f"ffmpeg ended with {ends}"
    return PushFailed(f"The push to {address.shown} {did}: {last}.", _LATER)


def refuses_video(said: Sequence[str]) -> bool:
    """Whether a WHIP server took the session's description not at all, or without its video.

    ffmpeg (9.0) looks for no more than addresses in an answer, and sends video to nobody.
    """
    return any(_REFUSED.search(line) for line in said)


def without_video(address: PushAddress) -> PushFailed:
    """The error for such an answer."""
    why = "the server doesn't take its video"
    return PushFailed(f"The push to {address.shown} doesn't begin: {why}.", _LATER)


def stalled(address: PushAddress, seconds: float) -> PushFailed:
    """The error if it took nothing for so long."""
    return PushFailed(
        f"The push to {address.shown} is interrupted: the server took nothing for {seconds:.0f} s.",
        _LATER,
    )
