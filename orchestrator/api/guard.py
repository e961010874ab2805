"""What stands before every route: who may call, how much may be sent, and what if all fails.

A server on the loopback address is reached by every web page its user opens. Three things keep
those pages out: a name that isn't ours in `Host` (DNS rebinding), an `Origin` that isn't allowed on
a request that changes something, and, where it is set, the API key.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api import session
from orchestrator.api.errors import Forbidden, Unauthorized, answer, http_answer, new_incident
from orchestrator.errors import HavenError, SettingsError
from orchestrator.settings import Settings

LARGEST_BODY_BYTES = 64 * 1024
"""No request of this API comes near it."""

_PRIVATE = ("/api/", "/metrics")
"""What wants the API key. Probes (/livez, /readyz) have none, and tell no stream's name."""

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
    """Raises SettingsError when the server would be open to other machines without a key."""
    if settings.api_key is None and not is_loopback(settings.host):
        raise SettingsError(
            f"Listening on {settings.host} would let every machine that reaches it record",
            "Set ORCHESTRATOR_API_KEY to a key that clients send as X-API-Key, "
            "or listen on 127.0.0.1.",
        )


def refusal(method: str, path: str, headers: Headers, settings: Settings) -> HavenError | None:
    """Why a request is not to be answered, or None."""
    checks = (
        _wrong_host(headers.get("host", ""), settings),
        _wrong_origin(method, headers, settings.allowed_origins),
        _wrong_key(method, path, headers, settings),
    )
    return next((error for error in checks if error is not None), None)


def _wrong_host(host: str, settings: Settings) -> HavenError | None:
    # With a key a rebound name is no use to anybody, and people reach us by names we don't know.
    # Every browser sends Host; who doesn't is an HTTP/1.0 program.
    name = _name_in(f"//{host}")
    if settings.api_key is not None or not host or is_loopback(name):
        return None
    if name == settings.host.strip("[]").lower():
        return None
    return Forbidden(
        f"This server isn't called {host[:80]}",
        "Call it by the address it listens on, e.g. 127.0.0.1.",
    )


def _name_in(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _wrong_origin(method: str, headers: Headers, allowed: list[str]) -> HavenError | None:
    origin = headers.get("origin")
    if method in _CHANGES_NOTHING or origin is None or origin in allowed or "*" in allowed:
        return None
    if _is_our_page(headers):
        return None
    return Forbidden(
        f"Web pages of {origin[:80]} may not change anything here",
        "Add the origin to ORCHESTRATOR_ALLOWED_ORIGINS if it should.",
    )


def _is_our_page(headers: Headers) -> bool:
    return headers.get("origin", "").partition("://")[2] == headers.get("host")


def check_origin(headers: Headers, settings: Settings) -> None:
    """Raises Forbidden for a web page that may change nothing: for a GET that tells a secret."""
    error = _wrong_origin("POST", headers, settings.allowed_origins)
    if error is not None:
        raise error


def _wrong_key(method: str, path: str, headers: Headers, settings: Settings) -> HavenError | None:
    if settings.api_key is None or not path.startswith(_PRIVATE):
        return None
    given, wanted = headers.get("x-api-key", ""), settings.api_key.get_secret_value()
    if not given and _has_session(method, headers, wanted):
        return None
    # Starlette reads headers as Latin-1 (RFC 9110 §5.5); so its bytes come back.
    if hmac.compare_digest(given.encode("latin-1"), wanted.encode()):
        return None
    if not given:
        return Unauthorized("This server wants its API key", "Send it in the header X-API-Key.")
    return Unauthorized("The API key is wrong", "Send ORCHESTRATOR_API_KEY's value in X-API-Key.")


def _has_session(method: str, headers: Headers, key: str) -> bool:
    """Whether our own page has shown the key before; a change must come from such a page now."""
    ours = method in _CHANGES_NOTHING or _is_our_page(headers)
    return ours and session.is_valid(headers, key)


class Guard:
    """ASGI middleware: refuses what `refusal` names before anything is read."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = None
        if scope["type"] in ("http", "websocket"):
            # A page's WebSocket has no preflight (RFC 6455 §10.2): its origin is looked at always.
            method = scope.get("method", "CONNECT")
            error = refusal(method, scope["path"], Headers(scope=scope), self.settings)
        if error and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": error.error})
            return
        await (answer(error) if error else self.app)(scope, receive, send)


class BoundedBody:
    """ASGI middleware: a body over the limit is refused, by its declared or by its real size."""

    def __init__(self, app: ASGIApp, limit_bytes: int = LARGEST_BODY_BYTES) -> None:
        self.app = app
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _declared_bytes(scope) > self.limit_bytes:
            await http_answer(413, Request(scope))(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit_bytes:
                # As HTTPException FastAPI lets it through; our handler gives it its form.
                raise HTTPException(413)
            return message

        await self.app(scope, counted, send)


def _declared_bytes(scope: Scope) -> int:
    declared = Headers(scope=scope).get("content-length", "")
    return int(declared) if declared.isdecimal() else 0


class Incidents:
    """ASGI middleware: what nobody foresaw is logged under a number, and only the number is told.

    It stands inside CORS, so that web pages can read the answer too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = False

        async def noted(message: Message) -> None:
            nonlocal began
            began = began or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noted)
        # The boundary of a request: whatever happened is logged, and the server goes on.
        except Exception as error:
            if scope["type"] != "http":
                raise
            incident = new_incident(f"{scope['method']} {scope['path']}", error)
            if began:
                raise  # too late to tell; unless the connection breaks, it is taken for whole
            await answer(incident)(scope, receive, send)
