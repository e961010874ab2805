"""The HTTP requests of a WHEP session (draft-ietf-wish-whep), and what the answers mean.

The token goes to the origin of the address it was given for and to no other one, whatever a
redirection or a `Location` says; and neither leads to hosts that only this machine reaches.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urljoin

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from orchestrator.checked_http import CheckedTransport
from orchestrator.errors import (
    NotLive,
    SourceBusy,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceUnreachable,
)
from orchestrator.http_responses import HttpResponse, origin, read
from orchestrator.media import IceServer, WhepEndpoint
from orchestrator.retry_after_header import retry_after_s
from orchestrator.stop_policy import STOP
from orchestrator.whep.advice import advice_for
from orchestrator.whep.ice_links import ice_servers
from orchestrator.whep.named_addresses import PrivateHost, SessionHosts

DELETE_S: Final = STOP.leave_s
MAX_SDP_BYTES: Final = 1 << 20
MAX_REDIRECTIONS: Final = 5

MOST_TRIES: Final = 3
"""A server that is busy is asked so often, when it says how long to wait and that is soon."""

SDP: Final = "application/sdp"

_NOT_LIVE: Final = (404, 409, 410)
"""What servers say of a stream that nobody publishes now; the first of an unknown one, too."""


@dataclass(frozen=True, slots=True)
class Description:
    """What the server describes: its answer, or an offer of its own that it wants answered."""

    sdp: str
    is_offer: bool
    ice_servers: tuple[IceServer, ...] = ()


def _address(text: str) -> httpx.URL:
    """Parses an address; raises ValueError for anything that a request would fail on."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as wrong:
        raise ValueError(str(wrong)) from wrong
    _, _, port = origin(url)  # httpx decodes the host's name (IDNA) only here
    if port is not None and port > 0xFFFF:
        raise ValueError(f"there is no port {port}")
    return url


def _shown(url: httpx.URL) -> str:
    """Without what may be secret."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def _is_busy(answer: HttpResponse) -> bool:
    return answer.status in (429, 503)


def _answer_of(tried: RetryCallState) -> HttpResponse:
    assert tried.outcome is not None
    answer: HttpResponse = tried.outcome.result()
    return answer


def _asked_s(tried: RetryCallState) -> float:
    """How long the server asks to wait; for ever if it doesn't say."""
    wait_s = retry_after_s(_answer_of(tried).headers.get("retry-after"))
    return math.inf if wait_s is None else wait_s


def _is_last(deadline: float, tried: RetryCallState) -> bool:
    too_late = time.monotonic() + tried.upcoming_sleep >= deadline
    return too_late or tried.attempt_number >= MOST_TRIES


class WhepClient:
    """The HTTP side of one WHEP session."""

    def __init__(self, endpoint: WhepEndpoint, *, timeout_s: float) -> None:
        self._url = endpoint.url
        self._shown = endpoint.shown
        self._token = endpoint.token
        self._timeout_s = timeout_s
        self._session: httpx.URL | None = None
        """The session on the server, to be taken back."""
        self._etag: str | None = None
        self._hosts = SessionHosts(endpoint.url)
        transport = CheckedTransport(self._hosts.addresses, proxies=True)
        self._client = httpx.AsyncClient(timeout=timeout_s, transport=transport)

    async def offer(self, sdp: str) -> Description:
        """Asks for a session; raises SourceError. One that is busy is asked again, if soon."""
        try:
            # httpx's own limits count anew with every byte that comes.
            async with asyncio.timeout(self._timeout_s):
                return await self._offer(sdp)
        except TimeoutError as late:
            raise self._unreachable(f"no answer within {self._timeout_s:.0f} s") from late

    async def answer(self, sdp: str) -> None:
        """Answers the server's own offer."""
        if self._session is None:
            raise SourceError(
                f"The WHEP server {self._shown} sent an offer but no address for the answer.",
                "Its 406 response needs a Location header: ask its operator.",
            )
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._send("PATCH", self._session, sdp, etag=self._etag)
        except TimeoutError as late:
            raise self._unreachable(f"no answer within {self._timeout_s:.0f} s") from late
        if not 200 <= answer.status < 300:
            raise self._refused(answer)

    async def close(self) -> None:
        """Takes the session back from the server, and ends the connection."""
        session, self._session = self._session, None
        # A server that doesn't answer notices by itself that nobody is there.
        with contextlib.suppress(TimeoutError, SourceError):
            if session is not None:
                async with asyncio.timeout(DELETE_S):
                    await self._send("DELETE", session)
        await self._client.aclose()

    # -- inside

    async def _offer(self, sdp: str) -> Description:
        retrying = AsyncRetrying(
            retry=retry_if_result(_is_busy),
            wait=_asked_s,
            stop=partial(_is_last, time.monotonic() + self._timeout_s),
            retry_error_callback=_answer_of,
        )
        answer: HttpResponse = await retrying(self._post, sdp)
        if _is_busy(answer):
            raise self._busy(answer, retry_after_s(answer.headers.get("retry-after")))
        return self._described(answer)

    async def _post(self, sdp: str) -> HttpResponse:
        try:
            url = _address(self._url)
        except ValueError as wrong:
            raise SourceError(f"{self._shown} is not the address of a WHEP resource.") from wrong
        for _ in range(MAX_REDIRECTIONS + 1):
            answer = await self._send("POST", url, sdp)
            to = answer.headers.get("location")
            # Others than these may turn into a GET, which creates no session.
            if answer.status not in (307, 308) or to is None:
                return answer
            url = await self._joined(answer.url, to)
        raise SourceError(
            f"The WHEP server {self._shown} redirects more than {MAX_REDIRECTIONS} times, the last "
            f"time to {_shown(url)[:200]}.",
            "It may redirect in a circle: ask its operator, or use the address where it leads to.",
        )

    async def _send(
        self, method: str, url: httpx.URL, sdp: str | None = None, *, etag: str | None = None
    ) -> HttpResponse:
        headers = {"Accept": SDP, "Accept-Encoding": "identity"}
        if sdp is not None:
            headers["Content-Type"] = SDP
        if etag is not None:
            headers["If-Match"] = etag
        if self._token and origin(url) == origin(httpx.URL(self._url)):
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            async with self._client.stream(method, url, content=sdp, headers=headers) as response:
                if method == "POST":
                    await self._note_session(response)
                return await read(response, MAX_SDP_BYTES)
        except PrivateHost as refused:
            raise self._private(url) from refused
        except httpx.UnsupportedProtocol as wrong:
            raise SourceError(f"{_shown(url)} is not the address of a WHEP resource.") from wrong
        except UnicodeError as wrong:  # httpx looks at a redirect's host name, and can't decode it
            raise self._wrong_location() from wrong
        except httpx.RemoteProtocolError as problem:
            raise self._no_http(problem) from problem
        except httpx.HTTPError as problem:
            raise self._unreachable(str(problem) or type(problem).__name__) from problem

    async def _note_session(self, response: httpx.Response) -> None:
        """Before the body is read: the session is there even if that never ends."""
        if response.status_code in (201, 406):
            to = response.headers.get("location")
            self._session = None if to is None else await self._joined(response.url, to)
            self._etag = response.headers.get("etag")

    def _described(self, answer: HttpResponse) -> Description:
        # Some drafts have a server that can't take our offer make one: 406, with a session.
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        is_offer = answer.status == 406 and kind == SDP
        if answer.status != 201 and not is_offer:
            raise self._refused(answer)
        servers = ice_servers(answer.headers.get_list("link"))
        return Description(answer.text, is_offer, tuple(servers))

    async def _joined(self, base: httpx.URL, to: str) -> httpx.URL:
        try:
            url = _address(urljoin(str(base), to))
        except ValueError as wrong:
            raise self._wrong_location() from wrong
        try:
            await self._hosts.addresses(url.raw_host.decode("ascii"))
        except PrivateHost as refused:
            raise self._private(url) from refused
        return url

    def _private(self, url: httpx.URL) -> SourceError:
        return SourceError(
            f"The WHEP server {self._shown} names a Location in a private network, "
            f"which is not asked: {_shown(url)[:200]}.",
            "Ask its operator; if it is your own server, use its private address.",
        )

    def _wrong_location(self) -> SourceError:
        return SourceError(
            f"The WHEP server {self._shown} names a Location that is not an address.",
            "Ask its operator.",
        )

    def _refused(self, answer: HttpResponse) -> SourceError:
        if answer.status >= 500:
            return self._unreachable(answer.said)
        advice = advice_for(answer.status, with_token=bool(self._token))
        where, to = "", answer.headers.get("location", "")
        if 300 <= answer.status < 400 and to:
            advice = "The stream is at another address, use that one"
            with contextlib.suppress(ValueError):
                advice += f": {_shown(_address(urljoin(str(answer.url), to)))[:200]}"
        if origin(answer.url) != origin(httpx.URL(self._url)):
            where = (
                f" after a redirect to {answer.url.scheme}://{answer.url.netloc.decode('ascii')}"
            )
            if self._token and answer.status in (401, 403):
                advice = "It redirects to a host where the token isn't sent: use that address."
        refused = NotLive if answer.status in _NOT_LIVE else SourceRefused
        return refused(f"The WHEP server {self._shown} refused{where} ({answer.said}).", advice)

    def _no_http(self, problem: httpx.RemoteProtocolError) -> SourceError:
        """What came isn't repeated: it may be anything, of any service."""
        if "disconnected" in str(problem) or "closed connection" in str(problem):
            return self._unreachable("it closed the connection without an answer")
        return SourceGarbled(
            f"The WHEP server {self._shown} answered with something that is not HTTP.",
            "Check the address and its port, and whether it begins with https:// or http://.",
        )

    def _busy(self, answer: HttpResponse, wait_s: float | None) -> SourceBusy:
        when = "later" if wait_s is None else f"in {wait_s:.0f} s"
        return SourceBusy(
            f"The WHEP server {self._shown} is busy ({answer.said}).",
            f"Try again {when}.",
            retry_after_s=wait_s,
        )

    def _unreachable(self, why: str) -> SourceUnreachable:
        return SourceUnreachable(
            f"The WHEP server {self._shown} can't be reached: {why}.",
            "Check that it runs, that the address is right and that a firewall lets it through.",
        )
