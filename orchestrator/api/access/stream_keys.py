"""The keys with which publishers may send a stream to us (WHIP): who has which one.

A key that belongs to no stream, and a stream that takes no publishers, get the same answer.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Final

from orchestrator.api.access.key_attempts import KeyAttempts
from orchestrator.errors import HavenError, WrongStreamKey

_BEARER: Final = re.compile(r"bearer +", re.IGNORECASE)

_NO_KEY: Final = b"\0"
"""What no header can be."""


class StreamKeys:
    """Checks the token of a publisher's request."""

    def __init__(self, key_of: Callable[[str], str | None]) -> None:
        """`key_of` gives a stream's key; None if nobody may publish it."""
        self._key_of = key_of
        self._attempts = KeyAttempts(kind="stream keys", place="")

    def refusal(self, stream_id: str, authorization: str, host: str) -> HavenError | None:
        """Why the request is refused; `authorization`: its header, `host`: where it comes from.

        Some clients send the token without the word Bearer before it.
        """
        if error := self._attempts.refusal(host):
            return error
        given = _BEARER.sub("", authorization.strip(), count=1)
        key = self._key_of(stream_id)
        wanted = _NO_KEY if key is None else key.encode()
        # Starlette decodes headers as Latin-1 (RFC 9110 §5.5); this restores the bytes.
        if hmac.compare_digest(given.encode("latin-1"), wanted):
            return None
        if not given:  # a client that asks what is needed guesses nothing
            return WrongStreamKey()
        return self._attempts.failed(host, f"{stream_id}\0{given}") or WrongStreamKey()
