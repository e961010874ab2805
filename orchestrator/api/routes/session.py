"""/api/session: the dashboard exchanges the API key for a session cookie.

The browser itself loads images, videos and event streams, and can't add a header to them. So the
key is exchanged for a cookie that scripts can't read (`browser_sessions`). Only pages of this host
send it to this host (SameSite=Strict, RFC 6265bis §5.6.7), and the guard accepts it for changes
only from our own pages, because cookies are not bound to a port.
"""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from orchestrator.api.access.browser_sessions import LASTS_S
from orchestrator.api.access.path_prefix import path_prefix
from orchestrator.api.dependencies import BrowserSessionsHere, FeedHere, ManagerHere
from orchestrator.api.documented_errors import failures, failures_of_post
from orchestrator.api.schemas.common import Moment, Wire, example

router = APIRouter(prefix="/api/session", tags=["session"])


class BrowserSession(Wire):
    """A browser session and its expiry."""

    success: bool = True
    expires_at: Moment | None
    """Null if the server requires no key."""

    model_config = example({"success": True, "expires_at": "2024-12-31T14:30:22.000+00:00"})


@router.post("", responses=failures_of_post(), summary="Open Session")
async def open_session(
    request: Request, response: Response, manager: ManagerHere, sessions: BrowserSessionsHere
) -> BrowserSession:
    """Send the key as X-API-Key; the response sets a cookie that replaces it for 30 days."""
    key = manager.settings.api_key
    if key is None:
        return BrowserSession(expires_at=None)
    cookie, until_s = await sessions.open(key.get_secret_value())
    response.set_cookie(
        sessions.cookie,
        cookie,
        max_age=LASTS_S,
        path=f"{path_prefix(request)}/api",
        secure=_is_over_tls(request),
        httponly=True,
        samesite="strict",
    )
    return BrowserSession(expires_at=datetime.fromtimestamp(until_s, UTC))


@router.delete("", responses=failures(), summary="Close Session")
async def close_session(
    request: Request,
    response: Response,
    manager: ManagerHere,
    sessions: BrowserSessionsHere,
    feed: FeedHere,
) -> BrowserSession:
    """Ends the session and invalidates its cookie, including copies of it."""
    key = manager.settings.api_key
    session = sessions.of(request.headers, key.get_secret_value()) if key else None
    if session is not None:
        await sessions.close(session)
        feed.hub.end_session(session)
    path = f"{path_prefix(request)}/api"
    response.delete_cookie(sessions.cookie, path=path, httponly=True, samesite="strict")
    return BrowserSession(expires_at=None)


def _is_over_tls(request: Request) -> bool:
    """Also if the proxy that terminates TLS doesn't say so: the page's origin does."""
    return "https" in (request.url.scheme, request.headers.get("origin", "").partition(":")[0])
