"""A reverse proxy that serves us below a path: requests lose the prefix, responses get it back.

The prefix comes from the setting `path_prefix`, or from a trusted proxy with each request
(X-Forwarded-Prefix, as in Traefik and Spring). The proxy may or may not remove it from the path.
Everything inside this middleware, the guard included, sees paths without it.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.access.proxies import is_from_trusted_proxy
from orchestrator.settings.value_types import is_path_prefix

_PREFIX: Final = "haven.path_prefix"

_DOCUMENTED: Final = frozenset({"/docs", "/openapi.json"})
"""Paths for which FastAPI writes addresses; it takes the prefix from `root_path`."""


def path_prefix(connection: HTTPConnection) -> str:
    """The prefix of our paths for this client: empty, or e.g. /recorder."""
    return str(connection.scope.get(_PREFIX, ""))


class PathPrefix:
    """ASGI middleware: removes the prefix from paths and adds it to redirects."""

    def __init__(self, app: ASGIApp, path_prefix: str) -> None:
        self.app = app
        self._default = path_prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        prefix = self._prefix(scope)
        scope = without_prefix(scope, prefix)

        async def redirected(message: Message) -> None:
            if message["type"] == "http.response.start":
                _redirect(MutableHeaders(scope=message), scope, prefix)
            await send(message)

        await self.app(scope, receive, redirected)

    def _prefix(self, scope: Scope) -> str:
        forwarded = Headers(scope=scope).get("x-forwarded-prefix", "").partition(",")[0].strip()
        forwarded = forwarded.rstrip("/")
        is_valid = is_from_trusted_proxy(scope) and is_path_prefix(forwarded)
        return forwarded if is_valid else self._default


def without_prefix(scope: Scope, prefix: str) -> Scope:
    """The request as it would be without a proxy."""
    path, raw = scope["path"], scope.get("raw_path")
    if prefix and f"{path}/".startswith(f"{prefix}/"):
        path = path.removeprefix(prefix) or "/"
        raw = raw and (raw.removeprefix(prefix.encode()) or b"/")
    return {**scope, _PREFIX: prefix, "path": path, "raw_path": raw}


class DocumentationPrefix:
    """ASGI middleware, the innermost: tells the documentation the prefix of its addresses."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in _DOCUMENTED:
            prefix = scope.get(_PREFIX, "")
            # By the ASGI specification, `path` begins with `root_path`.
            scope = {**scope, "root_path": prefix, "path": f"{prefix}{scope['path']}"}
        await self.app(scope, receive, send)


def _redirect(headers: MutableHeaders, scope: Scope, prefix: str) -> None:
    """Makes redirects to this server paths: its external name and scheme are unknown here."""
    target = headers.get("location")
    if target is None:
        return
    own = rf"(?:https?:)?//{re.escape(Headers(scope=scope).get('host', ''))}(?=/)"
    target = re.sub(rf"^{own}", "", target)
    ours = target.startswith("/") and not target.startswith("//")
    headers["location"] = f"{prefix}{target}" if ours else target
