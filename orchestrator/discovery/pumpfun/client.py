"""HTTP requests to pump.fun: bounded in time and size, retried when that may help.

Status codes and Retry-After by RFC 9110 (§15, §10.2.3). Every request ends by its deadline, with
the body of the response or a HavenError that says why there is none.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
)

from orchestrator.errors import (
    HavenError,
    NotFound,
    SourceBusy,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceUnreachable,
)
from orchestrator.http_responses import read
from orchestrator.retry_after_header import retry_after_s

if TYPE_CHECKING:
    import httpx

ANSWER_S: Final = 4.0
"""Longest wait for an answer, all tries together: our own callers get theirs within 5 s."""

ATTEMPT_S: Final = 2.5
"""Longest wait of one try: there is time for another."""

LEAST_ATTEMPT_S: Final = 0.3
"""With less time left there is no retry: it would only hide why this try failed."""

PAUSES_S: Final = (0.25, 0.5, 1.0)
"""Pauses between tries, each with some jitter."""

MAX_ANSWER_BYTES: Final = 16 * 2**20
"""A coin takes about a kilobyte, and a page of the list has a hundred coins."""

CONNECTIONS: Final = 8
LONGEST_HOLD_OFF_S: Final = 300.0
LONGEST_RESPONSE_TEXT: Final = 200

HEADERS: Final = {
    "Origin": "https://pump.fun",
    "Accept": "application/json",
    "User-Agent": (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/140.0.0.0 Safari/537.36"
    ),
}
"""pump.fun answers its own web page, in a browser."""

_PASSING: Final = frozenset({403, 408, 425, 429})
"""Statuses worth a retry, besides 5xx; its bot check begins with a 403."""


class _Passing(Exception):
    """A passing failure: worth a retry, after `wait_s` seconds if given."""

    def __init__(self, error: HavenError, wait_s: float | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.wait_s = wait_s


class PumpFunClient:
    """Sends requests to pump.fun's hosts; a host that sent Retry-After gets none until then."""

    def __init__(self) -> None:
        self._http: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._closed_until: dict[str, float] = {}

    async def ask(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        deadline: float | None = None,
    ) -> bytes:
        """The response's body; by `deadline` on the monotonic clock, else within ANSWER_S."""
        deadline = time.monotonic() + ANSWER_S if deadline is None else deadline
        client = await self._opened()
        request = client.build_request(method, url, params=params, json=body)
        host = request.url.netloc.decode()
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Passing),
            wait=_pause_s,
            stop=partial(_is_last, deadline),
            reraise=True,
        )
        try:
            return await retrying(self._try, client, request, host, deadline)
        except _Passing as passing:
            raise passing.error from passing.__cause__

    async def _try(
        self, client: httpx.AsyncClient, request: httpx.Request, host: str, deadline: float
    ) -> bytes:
        await self._wait_until_open(host, deadline)
        try:
            return await _attempt(client, request, host, deadline)
        except _Passing as passing:
            self._hold_off(host, passing.wait_s)
            raise

    async def close(self) -> None:
        """Closes the connections."""
        client, self._http = self._http, None
        if client is not None:
            await client.aclose()

    async def _opened(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._http is None:
                # Off the event loop: it reads the certificates of all authorities.
                self._http = await asyncio.to_thread(_client)
            return self._http

    def _hold_off(self, host: str, wait_s: float | None) -> None:
        if wait_s:
            self._closed_until[host] = time.monotonic() + min(wait_s, LONGEST_HOLD_OFF_S)

    async def _wait_until_open(self, host: str, deadline: float) -> None:
        """Waits as long as the host asked us to. Raises SourceBusy if the deadline is earlier."""
        opens = self._closed_until.get(host, 0.0)
        if opens >= deadline:
            raise _busy(host, opens - time.monotonic())
        await asyncio.sleep(max(0.0, opens - time.monotonic()))


def _pause_s(tried: RetryCallState) -> float:
    """Before the next try; after the last one there is none."""
    pause_s = PAUSES_S[min(tried.attempt_number, len(PAUSES_S)) - 1]
    return pause_s * random.uniform(0.8, 1.2)


def _is_last(deadline: float, tried: RetryCallState) -> bool:
    too_late = time.monotonic() + tried.upcoming_sleep + LEAST_ATTEMPT_S > deadline
    return too_late or tried.attempt_number > len(PAUSES_S)


def _client() -> httpx.AsyncClient:
    import httpx  # noqa: PLC0415

    return httpx.AsyncClient(
        headers=HEADERS,
        timeout=ATTEMPT_S,
        limits=httpx.Limits(max_connections=CONNECTIONS),
        follow_redirects=False,
    )


async def _attempt(
    client: httpx.AsyncClient, request: httpx.Request, host: str, deadline: float
) -> bytes:
    """One try; raises _Passing, or the HavenError that another try would not change."""
    import httpx  # noqa: PLC0415

    try:
        # httpx's own timeouts start anew with every byte.
        async with asyncio.timeout(min(ATTEMPT_S, deadline - time.monotonic())):
            response = await client.send(request, stream=True)
            try:
                return await _body(response, host)
            finally:
                await response.aclose()
    except (TimeoutError, httpx.TimeoutException) as late:
        raise _Passing(_unreachable(host, "no answer in time")) from late
    except httpx.DecodingError as wrong:
        raise _garbled(host, "its compression is broken") from wrong
    # UnicodeError: httpx looks at a redirect's host name, and can't decode it.
    except (httpx.HTTPError, UnicodeError) as problem:
        why = str(problem).rstrip(".") or type(problem).__name__
        raise _Passing(_unreachable(host, why)) from problem


async def _body(response: httpx.Response, host: str) -> bytes:
    status = response.status_code
    if response.is_success:
        return (await read(response, MAX_ANSWER_BYTES)).body
    error = await _refusal(response, host)
    if status in _PASSING or status >= 500:
        raise _Passing(error, retry_after_s(response.headers.get("retry-after")))
    raise error


async def _refusal(response: httpx.Response, host: str) -> HavenError:
    """What a status other than success means."""
    status = response.status_code
    response_text = f"HTTP {status}{await _response_text(response)}"
    if status == 429:
        return _busy(host, retry_after_s(response.headers.get("retry-after")))
    if status == 404:
        return NotFound(f"pump.fun ({host}) doesn't know it ({response_text}).", _CHECK_ADDRESS)
    if status < 400:
        return SourceError(f"pump.fun ({host}) redirects us ({response_text}).", _CHECK_ADDRESS)
    if status >= 500:
        return SourceError(f"pump.fun ({host}) fails ({response_text}).", "Try again later.")
    return SourceRefused(
        f"pump.fun ({host}) refuses to answer ({response_text}).",
        "It lets in its own web page only, and not from every network: try again later, or from"
        " another network.",
    )


async def _response_text(response: httpx.Response) -> str:
    """The target of a redirect, or the beginning of a readable text."""
    if response.is_redirect:
        return f": {response.headers['location'][:LONGEST_RESPONSE_TEXT]}"
    kind = response.headers.get("content-type", "").partition(";")[0]
    if kind not in ("application/json", "text/plain"):
        return ""
    async for part in response.aiter_bytes():
        text = " ".join(part[: 4 * LONGEST_RESPONSE_TEXT].decode(errors="replace").split())
        readable = "".join(c for c in text if c.isprintable())
        return f": {readable[:LONGEST_RESPONSE_TEXT]}" if readable else ""
    return ""


_CHECK_ADDRESS: Final = (
    "Check ORCHESTRATOR_PUMPFUN_API_URL and ORCHESTRATOR_PUMPFUN_LIVESTREAM_URL;"
    " `orchestrator settings` shows what is in force."
)


def _busy(host: str, wait_s: float | None) -> SourceBusy:
    error = f"pump.fun ({host}) asks us to wait: too many requests from here."
    if wait_s is None:
        return SourceBusy(error, "Try again in a minute.")
    advice = f"Try again in {max(1, round(wait_s))} s; it gets no request before that."
    return SourceBusy(error, advice, retry_after_s=wait_s)


def _unreachable(host: str, why: str) -> SourceUnreachable:
    return SourceUnreachable(
        f"pump.fun ({host}) can't be reached: {why}.",
        "Check this machine's network; if that is well, pump.fun is down: try again later.",
    )


def _garbled(host: str, why: str) -> SourceGarbled:
    return SourceGarbled(
        f"pump.fun's ({host}) answer can't be understood: {why}.", "Try again later."
    )
