"""Puts a file in one request of any length, to an address that obstore signs.

Nothing is left at the target when it is cut off, as unfinished uploads in parts would be: for GCS,
and for S3 with keys that are only lent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import httpx

from orchestrator.uploads.failures import failure_of, failure_of_connection

if TYPE_CHECKING:
    from orchestrator.uploads.objects import LocalFile
from orchestrator.uploads.targets import Target

LONGEST: Final = {"s3": 5 * 2**30, "gs": 5 * 2**40}
"""Bytes that one request may have: S3's PutObject and GCS's XML API (their documentation)."""
VALID: Final = timedelta(hours=1)
"""From its signing to its beginning."""


def can_be_signed(target: Target, size: int) -> bool:
    """Whether the target takes a file of this size in one request."""
    return size <= LONGEST.get(target.scheme, 0) and not target.aws_headers


async def put_signed(
    address: str,
    shown: str,
    client: httpx.AsyncClient,
    file: LocalFile,
    *,
    data: AsyncIterator[bytes],
    sent: Callable[[int], None],
) -> str | None:
    """Sends it; the object's ETag. UploadError, with the target as `shown`."""
    headers = {"content-length": str(file.size), "content-type": file.content_type}

    async def counted() -> AsyncIterator[bytes]:
        done = 0
        async for part in data:
            yield part
            sent(done := done + len(part))

    try:
        response = await client.put(address, content=counted(), headers=headers)
    except httpx.HTTPError as error:
        raise failure_of_connection(shown, error) from error
    if not response.is_success:
        raise failure_of(shown, response.status_code, response.text[:65536])
    return str(response.headers.get("etag", "")) or None
