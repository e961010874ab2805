"""Response headers for browsers: who may read, embed and frame a response."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.access.origins import APP_ORIGINS, is_apps, is_embedded, is_publishers
from orchestrator.settings import Settings

_ACCEPTED: Final = (
    *("Content-Type", "X-API-Key", "Last-Event-ID"),
    *("Range", "If-Range", "If-None-Match"),
)
"""Without User-Agent, which distinguishes the desktop app from web pages."""

_EXPOSED: Final = ("Retry-After", "Content-Range", "Content-Disposition", "ETag", "Accept-Ranges")


class Cors:
    """ASGI middleware: allowed pages may read all responses, the desktop app those of its
    routes."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._settings = settings
        self._for_pages = _cors(app, settings.allowed_origins)
        self._for_app = _cors(app, [*settings.allowed_origins, *APP_ORIGINS])
        self._for_publishers = _publishers_cors(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_publishers(scope["path"]):
            await self._for_publishers(scope, receive, _accepting_offers(scope, send))
            return
        chosen = self._for_app if self._is_apps(scope) else self._for_pages
        await chosen(scope, receive, send)

    def _is_apps(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        headers, method = Headers(scope=scope), scope["method"]
        if method == "OPTIONS":  # a preflight names the method of the actual request (Fetch §4.8)
            method = headers.get("access-control-request-method", method)
        return is_apps(method, scope["path"], headers, self._settings)


def _cors(app: ASGIApp, origins: list[str]) -> CORSMiddleware:
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
        allow_headers=_ACCEPTED,
        # Chromium sends a preflight before a page of another network calls this machine.
        allow_private_network=True,
        expose_headers=_EXPOSED,
    )


def _publishers_cors(app: ASGIApp) -> CORSMiddleware:
    """RFC 9725 §4.1: any page may publish that has the stream's key."""
    return CORSMiddleware(
        app,
        allow_origins=["*"],
        allow_methods=["GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "If-Match"],
        allow_private_network=True,
        expose_headers=["Location", "Link", "ETag", "Accept-Patch", "Retry-After"],
    )


def _accepting_offers(scope: Scope, send: Send) -> Send:
    """RFC 9725 §4.1: OPTIONS says what a POST may have, a browser's preflight too."""

    async def with_accept_post(message: Message) -> None:
        if message["type"] == "http.response.start" and scope["method"] == "OPTIONS":
            MutableHeaders(scope=message)["Accept-Post"] = "application/sdp"
        await send(message)

    return with_accept_post


class OwnPagesOnly:
    """ASGI middleware: no other page embeds or frames a response, and no browser guesses types.

    Cross-Origin-Resource-Policy (Fetch §3.7) covers plain images and scripts, which CORS does not.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._everybody = "*" in settings.allowed_origins
        self._app = settings.serves_desktop_app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _add(self, headers: MutableHeaders, path: str) -> None:
        open_to_all = self._everybody or (self._app and is_embedded(path))
        headers["Cross-Origin-Resource-Policy"] = "cross-origin" if open_to_all else "same-origin"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers.setdefault("Content-Security-Policy", "frame-ancestors 'none'")


def install(app: FastAPI, settings: Settings) -> None:
    """Adds both; middleware that is added later is outside of them."""
    app.add_middleware(Cors, settings=settings)
    app.add_middleware(OwnPagesOnly, settings=settings)
