"""Serving a file that may grow or be replaced while it is sent.

A small one is read at once: what is sent is one version of it. Larger ones only ever grow: as much
is sent as there was at first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from orchestrator.api.file_responses import VideoFile, disposition, not_modified, understood_range

AT_ONCE_BYTES: Final = 4 * 2**20
"""Larger files are sent from the disk."""


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file as it was at one moment."""

    path: Path
    status: os.stat_result
    content: bytes | None
    """None if it is larger than `AT_ONCE_BYTES`."""


def read_file(path: Path) -> ReadFile:
    """Opens it once, so that status and content are of the same file. Blocking; OSError."""
    # O_NONBLOCK: a pipe of this name must not hold the thread.
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_size > AT_ONCE_BYTES:
            return ReadFile(path, status, None)
        return ReadFile(path, status, file.read(status.st_size))


def growing_file(file: ReadFile, scope: Scope, media_type: str, keep: str) -> Response:
    """The response to this request: whole, a range (RFC 9110 §14), or 304.

    RangeNotSatisfiable. `keep`: its Cache-Control.
    """
    if file.content is None:
        large = GrowingFile(file.path, file.status, media_type=media_type, download=False)
        large.headers["Cache-Control"] = keep
        return large
    headers = {
        "ETag": f'"{file.status.st_mtime_ns:x}-{file.status.st_size:x}"',
        "Cache-Control": keep,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
    }
    if not_modified(asked := Headers(scope=scope), headers["ETag"], ""):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = disposition(file.path.name, download=False)
    size, wanted = len(file.content), None
    if scope["method"] == "GET" and asked.get("if-range") in (None, headers["ETag"]):
        wanted = understood_range(asked.get("range"), size)
    if wanted is None or "," in wanted:
        return Response(file.content, 200, headers, media_type)
    first, end = _span(wanted, size)
    headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    return Response(file.content[first:end], 206, headers, media_type)


def _span(wanted: str, size: int) -> tuple[int, int]:
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size


class GrowingFile(VideoFile):
    """A file that is appended to."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = self.size
        ended = False

        async def send_no_more(message: Message) -> None:
            nonlocal left, ended
            if ended:
                return
            if message["type"] == "http.response.body" and "range" not in Headers(scope=scope):
                body = message.get("body", b"")[:left]
                left -= len(body)
                more = message.get("more_body", False) and left > 0
                message, ended = {**message, "body": body, "more_body": more}, not more
            await send(message)

        await super().__call__(scope, receive, send_no_more)
