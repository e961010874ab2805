"""What the ffmpeg that reads an address said, as errors. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from orchestrator.errors import SourceError, SourceRefused, SourceUnreachable
from orchestrator.url_input.address import Address

_REFUSED: Final = re.compile(
    r"40[13] |Unauthorized|Forbidden|authorization failed|ERROR:BADSECRET|bad ?secret", re.I
)
_FOREIGN: Final = re.compile(r"Unexpected stream|App field don't match")
"""A publisher gave another key, or another application (libavformat/rtmpproto.c warns only)."""

_NO_PROTOCOL: Final = "Protocol not found"
_TAKEN: Final = "Address already in use"
_NO_REASON: Final = "Input/output error"
_OPENING: Final = re.compile(r"Error opening input files?: ")
_LEVEL: Final = re.compile(r"^(?:\[[^\]]* @ 0x[0-9a-f]+\] )?\[(error|fatal)\] ")


def last_error(said: Sequence[str]) -> str | None:
    """The first error among its last lines, from which the others follow, with the system's reason
    where only the last line has it."""
    errors = [_LEVEL.sub("", line).rstrip(".") for line in said if _LEVEL.match(line)]
    if not errors:
        return None
    reason = errors[-1].rpartition(": ")[2]
    known = reason in errors[0] or reason == _NO_REASON or not _OPENING.match(errors[-1])
    return errors[0] if known else f"{errors[0]}: {reason}"


def failure_of(address: Address, said: Sequence[str]) -> SourceError:
    """Why it ended before anything was read."""
    why = last_error(said)
    error = f"{address.shown} can't be read: {why or 'ffmpeg gave no reason'}."
    if why and _NO_PROTOCOL in why:
        return SourceError(error, "Unset ORCHESTRATOR_FFMPEG to use the bundled ffmpeg.")
    if why and _TAKEN in why:
        return SourceUnreachable(error, "Another process or stream has its port: choose another.")
    if why and _REFUSED.search(why):
        return SourceRefused(error, "Check the key, the user and the password in the address.")
    return SourceUnreachable(error, "Check the address, and that it is live now.")


def foreign_publisher(address: Address, said: Sequence[str]) -> SourceError | None:
    """The error if whoever publishes to us isn't the one who may."""
    if not (address.listens and any(map(_FOREIGN.search, said))):
        return None
    return SourceUnreachable(
        f"A publisher gave another key or application than {address.shown} has.",
        "Give the publisher the address that the stream has in the settings.",
    )


def cannot_start(problem: OSError) -> SourceError:
    """The error if the ffmpeg itself can't be started."""
    return SourceError(f"ffmpeg can't be started: {problem.strerror or problem}.")
