"""Which requests web pages may send. Pure.

A browser says where a request comes from: in `Origin`, except for a page's plain GETs (RFC 6454,
Fetch §3.2), and in `Sec-Fetch-Site`, for those too (W3C Fetch Metadata §2). A page can neither omit
nor forge them. Programs send neither, and web pages can't use them to reach us.

The desktop app's pages are files, so their origin is `null`, like that of a sandboxed frame of any
page. The User-Agent identifies the app: a page can set it only with a CORS preflight, and our
response doesn't allow the header.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers

from orchestrator.api.errors import Forbidden
from orchestrator.settings import Settings

APP_ORIGINS: Final = frozenset({"null", "http://localhost:3000"})
"""Origins of the desktop app: packaged, and from its development server."""

_APP: Final = re.compile(r"\bElectron/\d", re.ASCII)
_LIVE: Final = r"/api/(?:live|pumpfun)"
_READS: Final = (
    r"/api/recording/(?:active|formats|output-directory|status/.+)",
    rf"{_LIVE}(?:/popular|/live|/stats)?",
    rf"{_LIVE}/(?:stream|validate|connection)/.+",
    r"/api/videos/(?:grouped|.+/timestamps/)?",
)
_ROUTES: Final = {
    "GET": _READS,
    "HEAD": _READS,
    "POST": (
        r"/api/recording/(?:start|stop|set-output-directory)",
        rf"{_LIVE}/disconnect/.+",
        r"/api/depin/tick",
        r"/api/videos/",
    ),
    "PUT": (r"/api/videos/.+/(?:move-to-front|filecoin-metadata)",),
    "DELETE": (r"/api/videos/.+",),  # leaves the file where it is
}
_APP_ROUTES: Final = {
    method: re.compile("|".join(f"(?:{one})" for one in routes), re.DOTALL)
    for method, routes in _ROUTES.items()
}
"""Exactly the routes that the app's source calls: docs/haven-player.md lists them."""

_EMBEDDED: Final = re.compile(r"/api/recordings/[^/]+/thumbnail\.jpg")
_PAGES: Final = re.compile(r"/|/dashboard(?:/.*)?|/docs(?:/.*)?", re.DOTALL)

ADVICE: Final = (
    "To allow them, add the origin to ORCHESTRATOR_ALLOWED_ORIGINS. If it is this server behind a "
    "proxy, have the proxy forward its host name (nginx: proxy_set_header Host $http_host)."
)

_READING: Final = frozenset({"GET", "HEAD"})
_SAME_SITE: Final = frozenset({None, "same-origin", "none"})
"""Values of Sec-Fetch-Site: no browser, one of our own pages, or the user's own navigation."""


def wrong_page(method: str, path: str, headers: Headers, settings: Settings) -> Forbidden | None:
    """The error if the request comes from a web page that may not send it, else None."""
    if "*" in settings.allowed_origins or is_apps(method, path, headers, settings):
        return None
    origin = headers.get("origin")
    if origin is None:
        is_same_site = headers.get("sec-fetch-site") in _SAME_SITE or _opens_a_page(
            method, path, headers
        )
        return None if is_same_site else _refused("other origins", path, settings)
    if origin in settings.allowed_origins or is_our_page(headers):
        return None
    return _refused(origin[:80] or "no origin", path, settings)


def is_publishers(path: str) -> bool:
    """Whether a path is for publishers, from any page: each has the key of its stream."""
    return path.startswith("/whip/")


def is_our_page(headers: Headers) -> bool:
    """Whether the requesting page came from this server, under whatever name.

    A proxy may use another host name for us than its users do. Then Sec-Fetch-Site counts, which
    browsers send over TLS and to this machine only, or the proxy's X-Forwarded-Host, which no page
    of another origin can send without a preflight.
    """
    _, _, host = headers.get("origin", "").partition("://")
    names = headers.get("host"), headers.get("x-forwarded-host", "").partition(",")[0].strip()
    # Without a host (null, file://) it is no page of any server.
    return bool(host) and (host in names or headers.get("sec-fetch-site") == "same-origin")


def is_apps(method: str, path: str, headers: Headers, settings: Settings) -> bool:
    """Whether this is the desktop app on one of its routes, and the app is allowed."""
    if not settings.serves_desktop_app or not _APP.search(headers.get("user-agent", "")):
        return False
    if "origin" not in headers:  # its library shows thumbnails, as plain images
        image = method in _READING and headers.get("sec-fetch-dest") == "image"
        return image and is_embedded(path)
    routes = _APP_ROUTES.get(method)
    known = headers["origin"] in APP_ORIGINS
    return known and routes is not None and routes.fullmatch(path) is not None


def is_app_origin(headers: Headers, settings: Settings) -> bool:
    """Whether an accepted request has only the rights of the desktop app."""
    return headers.get("origin") in APP_ORIGINS - {*settings.allowed_origins} and (
        "*" not in settings.allowed_origins and not is_our_page(headers)
    )


def is_embedded(path: str) -> bool:
    """Whether the desktop app embeds this path in its own pages."""
    return _EMBEDDED.fullmatch(path) is not None


def _opens_a_page(method: str, path: str, headers: Headers) -> bool:
    """Whether this opens the dashboard from a link on any page, and not in a frame."""
    opened = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    opens = method in _READING and opened == ("navigate", "document")
    return opens and _PAGES.fullmatch(path) is not None


def _refused(who: str, path: str, settings: Settings) -> Forbidden:
    error = f"Web pages of {who} may not use {path[:80]}"
    if who not in APP_ORIGINS:
        return Forbidden(error, ADVICE)
    if settings.serves_desktop_app:
        return Forbidden(error, "The desktop app may only use the routes in docs/haven-player.md.")
    return Forbidden(error, "If this is the Haven Player app, set ORCHESTRATOR_DESKTOP_APP=true.")
