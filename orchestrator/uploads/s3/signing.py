"""Signs requests to S3: AWS Signature Version 4, in the Authorization header. Pure.

Sources: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, which has the
examples that the test uses.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class S3Keys:
    """Who signs, and for which region."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str
    token: str | None = field(default=None, repr=False)


def signed_headers(
    keys: S3Keys,
    method: str,
    host: str,
    path: str,
    query: Mapping[str, str],
    *,
    sha256: str = EMPTY_SHA256,
    headers: Mapping[str, str] | None = None,
    now: datetime,
) -> dict[str, str]:
    """All headers of the request but those of its connection.

    `host` with the port as the Host header has it, `path` percent-encoded, `sha256` of the body;
    `query` as `query_string` writes it.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    own = {"x-amz-date": stamp, "x-amz-content-sha256": sha256}
    if keys.token is not None:
        own["x-amz-security-token"] = keys.token
    all_headers = {name.lower(): value for name, value in (headers or {}).items()} | own
    signed = sorted({**all_headers, "host": host}.items())
    names = ";".join(name for name, _ in signed)
    canonical = "\n".join(
        [
            method,
            path,
            query_string(query),
            *(f"{name}:{' '.join(value.split())}" for name, value in signed),
            "",
            names,
            sha256,
        ]
    )
    scope = f"{stamp[:8]}/{keys.region}/s3/aws4_request"
    text = "\n".join(
        ["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f"AWS4{keys.secret_access_key}".encode()
    for part in (stamp[:8], keys.region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    who = f"Credential={keys.access_key_id}/{scope}"
    value = f"AWS4-HMAC-SHA256 {who},SignedHeaders={names},Signature={signature}"
    return {**all_headers, "authorization": value}


def query_string(query: Mapping[str, str]) -> str:
    """In the canonical form: sorted, everything but unreserved characters encoded."""
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items()
    )
    return "&".join(f"{name}={value}" for name, value in pairs)
