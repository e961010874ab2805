"""The checks before every route, and the handler of unexpected errors.

Every web page that the user opens can reach a server on the loopback address. Three checks keep
those pages out: the name in `Host` (DNS rebinding), the origin (`origins`), and, if one is set, the
API key.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.access.browser_sessions import BrowserSessions
from orchestrator.api.access.key_attempts import KeyAttempts
from orchestrator.api.access.origins import ADVICE, is_our_page, is_publishers, wrong_page
from orchestrator.api.access.proxies import client_address
from orchestrator.api.errors import Forbidden, Unauthorized, answer, new_incident
from orchestrator.errors import HavenError, SettingsError
from orchestrator.settings import Settings

_PRIVATE = ("/api/", "/metrics")
"""Paths that require the API key. The probes (/livez, /readyz) don't, and name no streams."""

_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761 §6.3
        return True
    try:
        return ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def check_listening(settings: Settings) -> None:
    """Raises SettingsError if other machines could reach the server and there is no API key."""
    if settings.api_key is None and not is_loopback(settings.host):
        raise SettingsError(
            f"Listening on {settings.host} without an API key would let other machines record",
            "Set ORCHESTRATOR_API_KEY to a key that clients send as X-API-Key, "
            "or listen on 127.0.0.1.",
        )


def refusal(method: str, path: str, headers: Headers, settings: Settings) -> HavenError | None:
    """Why a request is rejected regardless of the API key, or None."""
    wrong = _wrong_host(headers.get("host", ""), settings)
    return wrong or wrong_page(method, path, headers, settings)


def _wrong_host(host: str, settings: Settings) -> HavenError | None:
    # With an API key, DNS rebinding gains nothing, and people use names that we don't know.
    # Every browser sends Host; without it, it is an HTTP/1.0 program.
    name = _name_in(f"//{host}")
    if settings.api_key is not None or not host or is_loopback(name):
        return None
    if name in {settings.host.strip("[]").lower(), *map(_name_in, settings.allowed_origins)}:
        return None
    return Forbidden(
        f"The host name {host[:80]} is not allowed",
        "Use the address that the server listens on, e.g. 127.0.0.1. If a proxy forwards its own "
        f"name, add https://{name} to ORCHESTRATOR_ALLOWED_ORIGINS.",
    )


def _name_in(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class KeyCheck:
    """Checks for the API key in a request, or for a session that was opened with it."""

    def __init__(
        self, key: str | None, sessions: BrowserSessions, allowed_origins: Sequence[str]
    ) -> None:
        self._key, self._sessions, self._origins = key, sessions, allowed_origins
        self._attempts = KeyAttempts()

    def refusal(self, method: str, path: str, connection: HTTPConnection) -> HavenError | None:
        """Why this request is rejected, or None."""
        if self._key is None or not path.startswith(_PRIVATE):
            return None
        given = connection.headers.get("x-api-key", "")
        if given:
            return self._wrong(given, self._key, client_address(connection))
        if self._sessions.of(connection.headers, self._key) is not None:
            return _wrong_origin(method, connection.headers, self._origins)
        return Unauthorized("This server requires its API key", "Send it in the header X-API-Key.")

    def _wrong(self, given: str, key: str, host: str) -> HavenError | None:
        if error := self._attempts.refusal(host):
            return error
        # Starlette decodes headers as Latin-1 (RFC 9110 §5.5); this restores the bytes.
        if hmac.compare_digest(given.encode("latin-1"), key.encode()):
            return None
        if error := self._attempts.failed(host, given):
            return error
        return Unauthorized(
            "The API key is wrong", "Send ORCHESTRATOR_API_KEY's value in X-API-Key."
        )


def _wrong_origin(
    method: str, headers: Headers, allowed_origins: Sequence[str]
) -> HavenError | None:
    """Why a change with a session cookie is rejected: it must come from one of our own pages.

    Cookies are not bound to a port, so pages of other local programs send them, too.
    """
    origin = headers.get("origin")
    if method in _CHANGES_NOTHING or is_our_page(headers) or origin in allowed_origins:
        return None
    if origin is None:
        return Unauthorized("This server requires its API key", "Send it in the header X-API-Key.")
    return Forbidden(f"Web pages of {origin[:80]} may not change anything here", ADVICE)


class Guard:
    """ASGI middleware: rejects requests that are not allowed, before reading them."""

    def __init__(self, app: ASGIApp, settings: Settings, sessions: BrowserSessions) -> None:
        self.app = app
        self.settings = settings
        self._sessions = sessions
        key = settings.api_key
        secret = key.get_secret_value() if key else None
        self._keys = KeyCheck(secret, sessions, settings.allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        if error and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": error.error})
            return
        if error:
            await answer(error)(scope, receive, send)
        elif scope["type"] == "http":
            await self.app(self._sessions.without_others(scope), receive, send)
        else:
            await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> HavenError | None:
        # A page's WebSocket has no preflight (RFC 6455 §10.2): its origin is always checked.
        method = scope.get("method", "CONNECT")
        if is_publishers(scope["path"]):
            return None
        connection = HTTPConnection(scope)
        wrong = refusal(method, scope["path"], connection.headers, self.settings)
        # Keys last: pages that are not allowed must not use up the tries of their visitor.
        return wrong or self._keys.refusal(method, scope["path"], connection)


class Incidents:
    """ASGI middleware: logs unexpected errors under an incident id, which is all the client gets.

    It is inside CORS, so that web pages can read the response, too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def note_start(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, note_start)
        # The boundary of a request: any error is logged, and the server continues.
        except Exception as error:
            if scope["type"] != "http":
                raise
            incident = new_incident(f"{scope['method']} {scope['path']}", error)
            if has_begun:
                raise  # too late for a response; the broken connection shows that it is incomplete
            await answer(incident)(scope, receive, send)
