"""What a LiveKit access token says, read without its key.

A token is a JWT: its payload is plain JSON in base64url (RFC 7515 §3, RFC 7519 §4.1.4 for `exp`),
the grants stand under `video` (docs.livekit.io, "Tokens & grants"). Nothing is verified here: that
is the server's part, and nobody decides by it who may do what.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Final

LATEST: Final = 2.0**53
"""Times after it count as none: nobody means them."""


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims that we use."""

    room: str | None
    """The room it is for."""
    expires_at: float | None
    """Seconds since 1970, UTC, after which nobody is let in with it; None: it never expires."""


def claims_of(token: str) -> TokenClaims:
    """The claims of a token; raises ValueError if it is none."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError) as error:
        raise ValueError("it is no JWT") from error
    if not isinstance(claims, dict):
        raise ValueError("its payload is no JSON object")
    grants = claims.get("video")
    room = grants.get("room") if isinstance(grants, dict) else None
    return TokenClaims(
        room=room if isinstance(room, str) and room else None,
        expires_at=_moment(claims.get("exp")),
    )


def _moment(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if 0 <= value < LATEST else None


def has_expired(token: str, now: float) -> bool:
    """Whether the token says that its time is over at `now` (seconds since 1970, UTC)."""
    try:
        expires_at = claims_of(token).expires_at
    except ValueError:
        return False
    return expires_at is not None and expires_at <= now
