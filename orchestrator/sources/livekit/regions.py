"""LiveKit Cloud's regions: which addresses to try, nearest first."""

from __future__ import annotations

import asyncio
import json
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from orchestrator.errors import SourceError
from orchestrator.http_responses import read

REGION_TIMEOUT_S: Final = 3.0
MAX_REGIONS: Final = 3
MAX_LIST_BYTES: Final = 256 * 1024
CLOUD: Final = (".livekit.cloud", ".livekit.run")
"""Hosts that answer /settings/regions (livekit client SDKs, region-url provider)."""


def base_url(url: str) -> str:
    """The address with ws or wss, whichever of the four schemes it was given with."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def region_lookup(url: str) -> str | None:
    """Where LiveKit Cloud tells its regions; None for any other server."""
    host = urlsplit(url).hostname or ""
    return f"https://{host}/settings/regions" if host.endswith(CLOUD) else None


def of_the_cloud(url: str) -> bool:
    """Whether the token may go there: the cloud's own hosts, encrypted."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("https", "wss") and (parts.hostname or "").endswith(CLOUD)
    except ValueError:
        return False


async def regions(lookup: str, token: str) -> list[str]:
    """The regions' addresses, nearest first; empty when there is no answer to be had."""
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
    try:
        async with (
            asyncio.timeout(REGION_TIMEOUT_S),
            httpx.AsyncClient(timeout=REGION_TIMEOUT_S) as client,
            client.stream("GET", lookup, headers=headers) as response,
        ):
            response.raise_for_status()
            listed = json.loads((await read(response, MAX_LIST_BYTES)).body)["regions"]
            by_distance = [(int(each.get("distance", 0)), str(each["url"])) for each in listed]
    except (httpx.HTTPError, TimeoutError, SourceError, ValueError, KeyError, TypeError):
        return []
    except (AttributeError, RecursionError):
        return []
    return [url for _, url in sorted(by_distance) if of_the_cloud(url)][:MAX_REGIONS]


async def addresses(url: str, token: str) -> list[str]:
    """The addresses to try, in order: the nearest regions of a cloud server, then the given one."""
    lookup = region_lookup(url)
    near = await regions(lookup, token) if lookup else []
    return list(dict.fromkeys(base_url(each) for each in (*near, url)))
