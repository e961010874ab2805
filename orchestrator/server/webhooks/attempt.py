"""One call of a web hook, bounded in time and in what is read of its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from contextlib import suppress
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any, Final

import httpx

from orchestrator.checked_http import NO_REUSE, CheckedTransport
from orchestrator.errors import InvalidRequest
from orchestrator.outputs.webhooks import Webhook
from orchestrator.retry_after_header import retry_after_s
from orchestrator.server.webhooks.payload import as_bytes, for_livekit
from orchestrator.server.webhooks.schedule import Answer
from orchestrator.server.webhooks.signing import headers
from orchestrator.url_input.address import masked

CONNECT_S: Final = 5.0
TOTAL_S: Final = 15.0
MOST_BYTES: Final = 4096
"""Of an answer; the rest isn't read."""
_REST_S: Final = 1.0
"""For the rest of an answer that says it is delivered, so that receivers see no broken
connection."""
_SHOWN: Final = 200
_CLOCK_S: Final = 60.0
"""A receiver whose clock is further from ours may refuse signatures for that."""


class Attempts:
    """Makes calls; its clients are made with the first one."""

    def __init__(self) -> None:
        self._anywhere: httpx.AsyncClient | None = None
        self._checked: httpx.AsyncClient | None = None

    async def make(self, webhook: Webhook, body: dict[str, Any], *, anywhere: bool) -> Answer:
        """Calls it once. `anywhere`: it may lead to private addresses, and goes through proxies of
        the environment.
        """
        client = await (self._any_client() if anywhere else self._checked_client())
        sent = as_bytes(for_livekit(body) if webhook.signature == "livekit" else body)
        signed = headers(webhook, body["id"], sent, int(time.time()))
        try:
            async with asyncio.timeout(TOTAL_S):
                return await _call(client, webhook, sent, dict(signed))
        except TimeoutError:
            return Answer(error=f"no complete answer within {TOTAL_S:g} s")
        except httpx.TimeoutException:
            return Answer(error=f"no connection within {CONNECT_S:g} s")
        except InvalidRequest as error:
            return Answer(error=error.error, refused=True)
        except httpx.InvalidURL:
            return Answer(error="its URL can't be called", refused=True)
        except (httpx.HTTPError, OSError) as error:
            why = str(error) or type(error).__name__
            return Answer(error=masked(why, webhook.secrets)[:_SHOWN])

    async def close(self) -> None:
        """Closes what is open."""
        for client in (self._anywhere, self._checked):
            if client is not None:
                await client.aclose()
        self._anywhere = self._checked = None

    async def _any_client(self) -> httpx.AsyncClient:
        if self._anywhere is None:
            self._anywhere = await asyncio.to_thread(
                httpx.AsyncClient, timeout=_timeout(), limits=NO_REUSE
            )
        return self._anywhere

    async def _checked_client(self) -> httpx.AsyncClient:
        if self._checked is None:
            self._checked = await asyncio.to_thread(
                lambda: httpx.AsyncClient(timeout=_timeout(), transport=CheckedTransport())
            )
        return self._checked


def _timeout() -> httpx.Timeout:
    return httpx.Timeout(TOTAL_S, connect=CONNECT_S)


async def _call(
    client: httpx.AsyncClient, webhook: Webhook, body: bytes, signed: dict[str, str]
) -> Answer:
    url = webhook.url.get_secret_value()
    async with client.stream("POST", url, content=body, headers=signed) as response:
        if not response.is_success:
            return _answer(response, await _beginning(response), webhook.secrets)
        with suppress(TimeoutError, httpx.HTTPError):  # it has it, whatever comes of the rest
            async with asyncio.timeout(_REST_S):
                await _beginning(response)
        return Answer(response.status_code)


async def _beginning(response: httpx.Response) -> bytes:
    said = b""
    async for data in response.aiter_raw():
        said += data
        if len(said) >= MOST_BYTES:
            break
    return said[:MOST_BYTES]


def _answer(response: httpx.Response, said: bytes, secrets: Collection[str]) -> Answer:
    """Receivers repeat what was asked for, as Express's 404 does: "Cannot POST /secret"."""
    status = response.status_code
    words = " ".join(unescape(said.decode("utf-8", errors="replace")).split())
    shown = masked("".join(letter for letter in words if letter.isprintable()), secrets)[:_SHOWN]
    error = f"HTTP {status}" + (f": {shown}" if shown else "")
    if response.has_redirect_location or 300 <= status < 400:
        error = f"HTTP {status}: redirects are not followed; name the URL that it leads to"
    if 400 <= status < 500 and (off_s := _clock_difference(response)) is not None:
        error += f" (its clock and ours are {off_s:.0f} s apart)"
    return Answer(status, error, retry_after_s(response.headers.get("retry-after")))


def _clock_difference(response: httpx.Response) -> float | None:
    try:
        there = parsedate_to_datetime(response.headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        return None
    off_s = abs(there - time.time())
    return off_s if off_s > _CLOCK_S else None
