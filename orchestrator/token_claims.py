"""Claims of a LiveKit access token, read without its key.

A token is a JWT (RFC 7519), its grants stand under `video` (docs.livekit.io, "Tokens & grants").
Nothing is verified here: that is the server's part, and nobody decides by it who may do what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LATEST: Final = 2.0**53
"""Later times count as none."""


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims that we use."""

    room: str | None
    """The room it is for."""
    expires_at: float | None
    """Seconds since 1970, UTC, when it expires; None: never."""


def claims_of(token: str) -> TokenClaims:
    """The claims of a token; raises ValueError if it is none."""
    # Imported here: with cryptography it takes 8.7 MB, and most servers never read a token.
    import jwt  # noqa: PLC0415

    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise ValueError("not a JWT") from error
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
    """Whether the token has expired at `now` (seconds since 1970, UTC)."""
    try:
        expires_at = claims_of(token).expires_at
    except ValueError:
        return False
    return expires_at is not None and expires_at <= now
