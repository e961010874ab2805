"""Responses of untrusted HTTP servers, read with a limit on their size."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator.errors import SourceGarbled

if TYPE_CHECKING:
    import httpx

ENCODINGS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 47}
"""Content codings and zlib's window bits for them; 47 takes what calls itself deflate in general.
We ask for none of them; some proxies compress whoever asks."""

CUT: Final = 300
"""Characters of a refusal that are passed on."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An HTTP response, completely read."""

    url: httpx.URL
    """The URL that answered, after redirects."""
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", errors="replace")

    @property
    def said(self) -> str:
        """The status and the beginning of the body, for an error."""
        text = " ".join(self.text[: 4 * CUT].split())[:CUT]
        return f"HTTP {self.status}: {text}" if text else f"HTTP {self.status}"


async def read(response: httpx.Response, most_bytes: int) -> HttpResponse:
    """Reads a streamed response; raises SourceGarbled as soon as it is too large."""
    body = bytearray()
    async for data in _decoded(response, most_bytes):
        body += data
        if len(body) > most_bytes:
            raise SourceGarbled(
                f"The response of {response.url.host} is larger than {_size(most_bytes)}.",
                "Check that the address is right.",
            )
    return HttpResponse(response.url, response.status_code, response.headers, bytes(body))


async def _decoded(response: httpx.Response, most_bytes: int) -> AsyncIterator[bytes]:
    """The body in parts, decompressed only up to the limit."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        async for data in response.aiter_raw():
            yield data
        return
    if coding not in ENCODINGS:
        raise SourceGarbled(
            f"The response of {response.url.host} has the unknown coding {coding[:40]!r}."
        )
    unpack = zlib.decompressobj(ENCODINGS[coding])
    try:
        async for data in response.aiter_raw():
            yield unpack.decompress(data, most_bytes + 1)
    except zlib.error as damaged:
        raise SourceGarbled(
            f"The response of {response.url.host} can't be decompressed."
        ) from damaged


def _size(count: int) -> str:
    return f"{count // 2**20} MiB" if count >= 2**20 else f"{count} bytes"


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port: whom a token is for (RFC 6454)."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)
