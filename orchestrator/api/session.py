"""/api/session: how the dashboard shows the API key once, and the browser remembers that it did.

Pictures, videos and event streams are loaded by the browser itself, which can't add a header. So
the key is exchanged for a cookie that scripts can't read: not the key, but a signed moment until
which it is good (HMAC-SHA256 with the key, so that a new key ends it). It is sent to this host only
by pages of this host (SameSite=Strict, RFC 6265bis §5.6.7), and the guard takes it for changes only
from our own pages, as cookies know no ports.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.requests import cookie_parser

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.responses import failures, failures_of_post
from orchestrator.api.schemas.common import Moment, Wire, example

router = APIRouter(prefix="/api/session", tags=["session"])

COOKIE: Final = "haven_session"
LASTS_S: Final = 30 * 24 * 3600


class Session(Wire):
    """Until when the browser may call without the key."""

    success: bool = True
    expires_at: Moment | None
    """Null where the server wants no key."""

    model_config = example({"success": True, "expires_at": "2024-12-31T14:30:22.000+00:00"})


@router.post("", responses=failures_of_post(), summary="Open Session")
async def open_session(request: Request, response: Response, manager: ManagerHere) -> Session:
    """Send the key as X-API-Key; the answer sets a cookie that stands for it for 30 days."""
    key = manager.settings.api_key
    if key is None:
        return Session(expires_at=None)
    expires_s = int(time.time()) + LASTS_S
    response.set_cookie(
        COOKIE,
        signed(expires_s, key.get_secret_value()),
        max_age=LASTS_S,
        path="/api",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return Session(expires_at=datetime.fromtimestamp(expires_s, UTC))


@router.delete("", responses=failures(), summary="Close Session")
async def close_session(response: Response) -> Session:
    """Takes the cookie away."""
    response.delete_cookie(COOKIE, path="/api", httponly=True, samesite="strict")
    return Session(expires_at=None)


def signed(expires_s: int, key: str) -> str:
    """The cookie's value."""
    told = f"{COOKIE} until {expires_s}".encode()
    return f"{expires_s}.{hmac.new(key.encode(), told, hashlib.sha256).hexdigest()}"


def is_valid(headers: Mapping[str, str], key: str) -> bool:
    """Whether the request carries a cookie that this key signed and that is good still."""
    given = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
    until = given.partition(".")[0]
    if not (until.isascii() and until.isdigit() and len(until) < 12):
        return False
    genuine = hmac.compare_digest(given.encode("latin-1"), signed(int(until), key).encode())
    return genuine and time.time() < int(until)
