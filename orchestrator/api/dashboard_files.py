"""The dashboard's files at /dashboard, and the redirect of `/`.

The page may load from this server only: its Content-Security-Policy (CSP Level 3) allows no other
host, no inline scripts or styles, and no framing.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

DIRECTORY: Final = Path(__file__).parent / "dashboard"
PATH: Final = "/dashboard/"

_HEADERS: Final = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "font-src 'self'",
            "img-src 'self' blob:",  # previews are fetched, then shown
            # blob: what hls.js puts together of pieces; uploaded files are opened in a tab
            "media-src 'self' blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # revalidated each time, usually with 304
}


class _Files(StaticFiles):
    """The dashboard's files with its headers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response


def install(app: FastAPI) -> None:
    """Adds `/` and the dashboard."""
    # Systems map these names to different types, and browsers run no script of another type.
    mimetypes.add_type("text/javascript", ".js")
    mimetypes.add_type("font/woff2", ".woff2")
    app.add_api_route("/", _root, include_in_schema=False)
    app.mount(PATH.rstrip("/"), _Files(directory=DIRECTORY, html=True))


async def _root(request: Request) -> RedirectResponse:
    """Browsers go to the dashboard, programs to the API's documentation."""
    wants_a_page = "text/html" in request.headers.get("accept", "")
    return RedirectResponse(PATH if wants_a_page else "/docs", headers={"Vary": "Accept"})
