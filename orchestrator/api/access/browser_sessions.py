"""Sessions of browsers that have sent the API key, each identified by a cookie.

The cookie is a random token; the server stores its HMAC-SHA256 with the API key, so neither can be
derived from the other, and a new key ends all sessions. The catalog stores them: they survive a
restart, signing out ends one for good, and a server with another catalog does not know them.
Cookies are not bound to a port, so each catalog has its own cookie name: two servers on one host
don't overwrite each other's.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Final, Protocol

from starlette.datastructures import Headers
from starlette.types import Scope

COOKIE: Final = "haven_session_"
"""Prefix of the cookie's name."""

LASTS_S: Final = 30 * 24 * 3600
MOST: Final = 256
"""Maximum number of sessions; a new one replaces the one that expires first."""

_KEPT_AS: Final = "sessions"
_LONGEST: Final = 100


class Preferences(Protocol):
    """The store of the sessions."""

    async def preference(self, key: str, /) -> str | None:
        """The value stored under this key."""

    async def set_preference(self, key: str, value: str, /) -> None:
        """Stores a value."""


class BrowserSessions:
    """The open sessions."""

    def __init__(self, kept: Preferences) -> None:
        self._kept = kept
        self.cookie = COOKIE + secrets.token_hex(4)
        """The cookie's name."""
        self._until_s: dict[str, int] = {}
        """When each session expires, by the digest of its cookie."""
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Loads the sessions that an earlier server opened."""
        try:
            kept = json.loads(await self._kept.preference(_KEPT_AS) or "{}")
        except ValueError:
            return  # nobody is signed in
        self.cookie, self._until_s = kept.get("cookie", self.cookie), kept.get("until_s", {})

    async def open(self, key: str) -> tuple[str, int]:
        """Opens a session; returns its cookie and when it expires (seconds since 1970)."""
        cookie, until_s = secrets.token_urlsafe(32), int(time.time()) + LASTS_S
        async with self._changing:
            now = sorted(self._not_expired().items(), key=lambda one: one[1])
            await self._keep(dict(now[-(MOST - 1) :]) | {_digest(cookie, key): until_s})
        return cookie, until_s

    async def close(self, session: str) -> None:
        """Ends a session, also for later servers."""
        async with self._changing:
            left = self._not_expired()
            left.pop(session, None)
            await self._keep(left)

    def of(self, headers: Mapping[str, str], key: str) -> str | None:
        """The open session of a request's cookie, or None."""
        cookie = self._given(headers.get("cookie", ""))
        if not cookie:
            return None
        session = _digest(cookie, key)
        return session if time.time() < self._until_s.get(session, 0) else None

    def without_others(self, scope: Scope) -> Scope:
        """The request with no other cookie than ours.

        FastAPI parses all cookies of every request with `http.cookies`, whose time to unquote one
        grows with the square of its length in older Pythons (CVE-2024-7592).
        """
        name = b"cookie"
        kept = [header for header in scope["headers"] if header[0] != name]
        given = self._given(Headers(scope=scope).get("cookie", ""))
        ours = [(name, f"{self.cookie}={given}".encode("latin-1"))] if given else []
        return {**scope, "headers": kept + ours}

    def _given(self, header: str) -> str:
        """The value of our cookie in a Cookie header; empty if there is none."""
        pairs = (pair.partition("=") for pair in header.split(";"))
        given = {name.strip(): value.strip() for name, _, value in pairs}.get(self.cookie, "")
        return given if len(given) <= _LONGEST else ""

    def _not_expired(self) -> dict[str, int]:
        now_s = time.time()
        return {one: until_s for one, until_s in self._until_s.items() if now_s < until_s}

    async def _keep(self, sessions: dict[str, int]) -> None:
        # Stored first: a change that can't be stored does not take effect.
        await self._kept.set_preference(
            _KEPT_AS, json.dumps({"cookie": self.cookie, "until_s": sessions})
        )
        self._until_s = sessions


def _digest(cookie: str, key: str) -> str:
    message = f"{COOKIE} {cookie}".encode("utf-8", "surrogatepass")
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()
