"""Signed requests to the objects of one bucket, for what obstore has no call for."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from orchestrator.errors import UploadError
from orchestrator.uploads.failures import failure_of, failure_of_connection, garbled
from orchestrator.uploads.options import TRUE
from orchestrator.uploads.s3.signing import EMPTY_SHA256, S3Keys, query_string, signed_headers
from orchestrator.uploads.targets import Target

MOST_BYTES: Final = 2**21
"""Of an answer; a list of 1000 parts has 200 kB."""
_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
"""Between two bytes, in seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with 2xx."""

    body: str
    headers: httpx.Headers

    @property
    def e_tag(self) -> str:
        """Without quotes; empty if there is none."""
        return str(self.headers.get("etag", "")).strip('"')


@asynccontextmanager
async def http_client(options: Mapping[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the options of a target's connection."""
    verify: ssl.SSLContext | bool = _authorities()
    if options.get("allow_invalid_certificates", "").lower() in TRUE:
        verify = False
    elif certificate := options.get("root_certificate"):
        verify = ssl.create_default_context()
        verify.load_verify_locations(cadata=certificate)
    proxy = options.get("proxy_url")
    limits = httpx.Limits(max_connections=4)
    async with httpx.AsyncClient(
        verify=verify, timeout=_TIMEOUT, limits=limits, proxy=proxy, follow_redirects=False
    ) as client:
        yield client


@lru_cache(1)
def _authorities() -> ssl.SSLContext:
    """Made once: it reads the certificates of all authorities, for each try of each upload."""
    return httpx.create_ssl_context()


class S3Bucket:
    """Requests to the bucket of a target that has `aws_secret`."""

    def __init__(self, target: Target, client: httpx.AsyncClient) -> None:
        self._target, self._client = target, client

    async def request(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        *,
        body: bytes | AsyncIterator[bytes] = b"",
        size: int | None = None,
        sha256: str = EMPTY_SHA256,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer to a request for an object of the target (its bucket, for an empty key).

        `size` and `sha256` of a streamed body. UploadError if it fails.
        """
        base, keys = await self._address(key)
        own = dict(headers or {})
        if size is not None:
            own["content-length"] = str(size)
        signed = signed_headers(
            keys,
            method,
            base.netloc,
            base.path,
            query,
            sha256=sha256,
            headers=headers,
            now=datetime.now(UTC),
        )
        url = f"{base.scheme}://{base.netloc}{base.path}"
        if query:
            url += f"?{query_string(query)}"
        return await self._send(method, url, {**own, **signed}, body)

    async def key_in_bucket(self, key: str) -> str:
        """The object's key with the target's prefix."""
        prefix = self._target.store.prefix
        return f"{str(prefix).strip('/')}/{key}" if prefix else key

    async def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes | AsyncIterator[bytes]
    ) -> Answer:
        shown = self._target.shown
        try:
            async with self._client.stream(method, url, headers=headers, content=body) as response:
                text = await _text(response, shown)
        except httpx.HTTPError as error:
            raise failure_of_connection(shown, error) from error
        if not response.is_success:
            raise failure_of(shown, response.status_code, text)
        return Answer(text, response.headers)

    async def _address(self, key: str) -> tuple[_Base, S3Keys]:
        """Where the object is and which region and token hold for it, as obstore has it."""
        signed = await self._target.signed("GET", key or "_", timedelta(minutes=5))
        parts = urlsplit(signed)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        who = unquote(given["X-Amz-Credential"]).split("/")
        keys = S3Keys(
            who[0], self._target.aws_secret or "", who[2], given.get("X-Amz-Security-Token")
        )
        path = parts.path if key else _bucket_path(parts.path, await self.key_in_bucket("_"))
        return _Base(parts.scheme, parts.netloc, path), keys


@dataclass(frozen=True, slots=True)
class _Base:
    scheme: str
    netloc: str
    path: str


def _bucket_path(path: str, key: str) -> str:
    kept = unquote(path).removesuffix(key).rstrip("/")
    return kept or "/"


async def _text(response: httpx.Response, shown: str) -> str:
    body = bytearray()
    async for data in response.aiter_bytes():
        body += data
        if len(body) > MOST_BYTES:
            raise garbled(shown, f"HTTP {response.status_code}, more than {MOST_BYTES} bytes")
    return body.decode("utf-8", errors="replace")


def is_no_upload(error: UploadError) -> bool:
    """Whether the error says that there is no such upload (any more)."""
    return "NoSuchUpload" in error.error


def is_not_for_us(error: UploadError) -> bool:
    """Whether the call isn't there or not allowed: keys that may put needn't be allowed to list."""
    return "AccessDenied" in error.error or "has no such call" in error.error
