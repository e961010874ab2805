"""Serving a finished file with ranges, which players need to seek (RFC 9110 §13 and §14).

Starlette's FileResponse sends ranges, also multipart, and supports If-Range. Added here:
If-None-Match and If-Modified-Since; an invalid Range is ignored, as §14.2 requires, and so is a
Range on HEAD; of several ranges only those within the file are sent; errors have our body.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from orchestrator.api.errors import RangeNotSatisfiable

MOST_RANGES = 16
"""Ranges in one response; a request for more gets the whole file (§14.2 allows it)."""

_RANGE = re.compile(r"\s*([0-9]*)\s*-\s*([0-9]*)\s*", re.ASCII)
_LONGEST = 400


def understood_range(header: str | None, size: int) -> str | None:
    """The Range header reduced to what can be sent; None to send the whole file.

    Raises RangeNotSatisfiable if it is well formed and lies behind the end of the file (§14.1.2).
    """
    unit, _, wanted = (header or "").partition("=")
    if unit.strip().lower() != "bytes" or len(wanted) > _LONGEST:
        return None
    parts = [_RANGE.fullmatch(part) for part in wanted.split(",") if part.strip()]
    spans = [(m[1], m[2]) for m in parts if m is not None and _valid(m[1], m[2])]
    if not spans or len(spans) != len(parts) or len(spans) > MOST_RANGES:
        return None
    satisfiable = [f"{first}-{last}" for first, last in spans if _satisfiable(first, last, size)]
    if not satisfiable:
        raise RangeNotSatisfiable(f"bytes={wanted}", size)
    return "bytes=" + ",".join(satisfiable)


def _valid(first: str, last: str) -> bool:
    return bool(first or last) and not (first and last and int(first) > int(last))


def _satisfiable(first: str, last: str, size: int) -> bool:
    return int(first) < size if first else int(last) > 0 and size > 0


def disposition(name: str, *, download: bool) -> str:
    """Content-Disposition with the name in UTF-8, and in ASCII for old clients (RFC 6266 §4.3)."""
    kind = "attachment" if download else "inline"
    plain = re.sub(r'[^ -~]|["%/\\]', "_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def not_modified(headers: Mapping[str, str], etag: str, last_modified: str) -> bool:
    """Whether the client already has this file (§13.1.2, §13.1.3)."""
    if (known := headers.get("if-none-match")) is not None:
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        return "*" in tags or etag in tags
    since = headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return parsedate_to_datetime(last_modified) <= parsedate_to_datetime(since)
    except (TypeError, ValueError):
        return False  # not a date: §13.1.3 says to ignore it


def redirected(address: str) -> RedirectResponse:
    """To an address with a signature, which nobody may keep."""
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return RedirectResponse(address, 307, headers)


class VideoFile(FileResponse):
    """A finished file, whole or in ranges."""

    chunk_size = 256 * 1024

    def __init__(
        self, path: Path, status: os.stat_result, *, media_type: str, download: bool
    ) -> None:
        super().__init__(
            path,
            stat_result=status,
            media_type=media_type,
            headers={
                "Content-Disposition": disposition(path.name, download=download),
                "Cache-Control": "private, no-cache",
                "X-Content-Type-Options": "nosniff",
            },
        )
        self.size = status.st_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if not_modified(headers, self.headers["etag"], self.headers["last-modified"]):
            await self._not_modified(scope, receive, send)
            return
        await super().__call__(
            {**scope, "headers": self._headers_with_valid_range(scope)}, receive, send
        )

    def _headers_with_valid_range(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        headers = MutableHeaders(raw=list(scope["headers"]))
        wanted = headers.get("range")
        del headers["range"]
        condition = headers.get("if-range")
        current = (self.headers["etag"], self.headers["last-modified"])
        if scope["method"] == "GET" and (condition is None or condition in current):
            understood = understood_range(wanted, self.size)
            if understood is not None:
                headers["range"] = understood
        return headers.raw

    async def _not_modified(self, scope: Scope, receive: Receive, send: Send) -> None:
        kept = ("etag", "last-modified", "cache-control")
        response = Response(status_code=304, headers={k: self.headers[k] for k in kept})
        await response(scope, receive, send)
