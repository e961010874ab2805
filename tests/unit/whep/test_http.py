"""What WHEP servers say, right or wrong: tokens stay at home, all is bounded, sessions end."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from aiohttp import web

from orchestrator.errors import SourceBusy, SourceError, SourceGarbled, SourceRefused
from orchestrator.http_responses import read
from orchestrator.media import WhepEndpoint
from orchestrator.whep.http import MAX_REDIRECTIONS, MAX_SDP_BYTES, WhepClient
from tests.kit.sources.whep_answers import ScriptedServer, scripted

TOKEN = "letmein"


@asynccontextmanager
async def client(server: ScriptedServer, timeout_s: float = 5) -> AsyncIterator[WhepClient]:
    made = WhepClient(WhepEndpoint(f"{server.url}/stream", TOKEN), timeout_s=timeout_s)
    try:
        yield made
    finally:
        await made.close()


async def test_the_token_goes_to_no_other_origin_by_location_or_redirection() -> None:
    async with scripted() as home, scripted() as abroad:
        abroad.says(status=201, text="v=0", headers={"Location": f"{abroad.url}/session"})
        home.says(status=201, text="v=0", headers={"Location": f"{abroad.url}/session"})
        async with client(home) as whep:
            await whep.offer("v=0")
        home.says(status=307, headers={"Location": f"{abroad.url}/stream"})
        async with client(home) as whep:
            await whep.offer("v=0")
        assert home.asked == [("POST", "/stream", f"Bearer {TOKEN}")] * 2
        assert abroad.asked == [
            ("DELETE", "/session", None),
            ("POST", "/stream", None),
            ("DELETE", "/session", None),
        ]
        abroad.says(status=401)
        async with client(home) as whep:
            with pytest.raises(SourceRefused, match="after a redirect") as caught:
                await whep.offer("v=0")
        assert "the token isn't sent" in caught.value.detail


async def test_at_home_the_token_is_sent_with_everything() -> None:
    async with scripted() as home:
        home.says(status=201, text="v=0", headers={"Location": "session"})
        async with client(home) as whep:
            await whep.offer("v=0")
        assert home.asked[-1] == ("DELETE", "/session", f"Bearer {TOKEN}")


async def test_a_refusal_that_made_a_session_leaves_none_behind() -> None:
    async with scripted() as home:
        home.says(status=406, text="no codec", headers={"Location": "/session"})
        async with client(home) as whep:
            with pytest.raises(SourceRefused, match="HTTP 406: no codec") as caught:
                await whep.offer("v=0")
        assert "VP8, VP9, AV1" in caught.value.detail
        assert [asked[0] for asked in home.asked] == ["POST", "DELETE"]


async def test_an_offer_without_a_place_for_the_answer_is_said() -> None:
    async with scripted() as home:
        home.says(status=406, text="v=0", content_type="application/sdp")
        async with client(home) as whep:
            assert (await whep.offer("v=0")).is_offer
            with pytest.raises(SourceError, match="no address for the answer"):
                await whep.answer("v=0")


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_server_is_asked_again_when_that_is_soon(status: int) -> None:
    async with scripted() as home:
        answers = iter((web.Response(status=status, headers={"Retry-After": "0"}),))

        async def respond(_: web.Request) -> web.StreamResponse:
            return next(answers, web.Response(status=201, text="v=0"))

        home.respond = respond
        async with client(home) as whep:
            assert (await whep.offer("v=0")).sdp == "v=0"
        assert len(home.asked) == 2


@pytest.mark.parametrize(("said", "known"), [("60", 60.0), ("soon", None), (None, None)])
async def test_a_busy_server_that_says_later_is_not_waited_for(
    said: str | None, known: float | None
) -> None:
    async with scripted() as home:
        home.says(status=503, headers={} if said is None else {"Retry-After": said})
        async with client(home) as whep:
            with pytest.raises(SourceBusy) as caught:
                await whep.offer("v=0")
        assert caught.value.context["retry_after_s"] == known
        assert len(home.asked) == 1


async def test_a_server_that_is_busy_all_the_time_is_asked_three_times() -> None:
    async with scripted() as home:
        home.says(status=429, headers={"Retry-After": "0"})
        async with client(home) as whep:
            with pytest.raises(SourceBusy):
                await whep.offer("v=0")
        assert len(home.asked) == 3


async def test_redirections_end_and_a_moved_stream_is_reported() -> None:
    async with scripted() as home:
        home.says(status=307, headers={"Location": "/stream"})
        async with client(home) as whep:
            with pytest.raises(SourceError, match="redirects more than 5 times"):
                await whep.offer("v=0")
        assert len(home.asked) == MAX_REDIRECTIONS + 1
        to = "https://me:geheim@example.net/stream?key=geheim#geheim"
        home.says(status=301, headers={"Location": to})
        async with client(home) as whep:
            with pytest.raises(SourceRefused) as caught:
                await whep.offer("v=0")
        assert caught.value.detail.endswith(": https://example.net/stream")


@pytest.mark.parametrize("location", ["http://[/?geheim", "http://a:99999/?geheim"])
async def test_a_stream_that_moved_to_no_address_is_reported_without_it(location: str) -> None:
    async with scripted() as home:
        home.says(status=302, headers={"Location": location})
        async with client(home) as whep:
            with pytest.raises(SourceRefused) as caught:
                await whep.offer("v=0")
        assert caught.value.detail == "The stream is at another address, use that one"


async def test_a_redirect_to_what_is_no_http_is_shown_without_secrets() -> None:
    async with scripted() as home:
        home.says(status=307, headers={"Location": "ftp://me:geheim@93.184.215.14/a?key=geheim"})
        async with client(home) as whep:
            with pytest.raises(SourceError, match=r"ftp://93\.184\.215\.14/a is not the") as caught:
                await whep.offer("v=0")
        assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("stalls", [True, False])
async def test_the_session_of_an_answer_that_can_t_be_read_is_taken_back(stalls: bool) -> None:
    async with scripted() as home:

        async def respond(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(status=201, headers={"Location": "/session"})
            if request.method == "POST":
                await response.prepare(request)
                while not stalls:
                    await response.write(b"a" * 65536)
                await asyncio.Event().wait()
            return response

        home.respond = respond
        async with client(home, timeout_s=0.5 if stalls else 5) as whep:
            with pytest.raises(SourceError, match="no answer within" if stalls else "larger than"):
                await whep.offer("v=0")
        assert [asked[:2] for asked in home.asked] == [("POST", "/stream"), ("DELETE", "/session")]


@pytest.mark.parametrize("status", [201, 307, 406])
@pytest.mark.parametrize("location", ["http://xn--a/", "http://[/", "http://a:99999/"])
async def test_a_location_that_is_no_address_is_an_error_of_the_server(
    status: int, location: str
) -> None:
    async with scripted() as home:
        home.says(status=status, text="v=0", headers={"Location": location})
        async with client(home) as whep:
            with pytest.raises(SourceError, match="names a Location that is not an address"):
                await whep.offer("v=0")


async def test_secrets_in_the_address_are_in_no_error() -> None:
    async with scripted() as home:
        home.says(status=403)
        url = home.url.replace("://", "://me:geheim@")
        whep = WhepClient(WhepEndpoint(f"{url}/stream?key=geheim"), timeout_s=5)
        with pytest.raises(SourceRefused) as caught:
            await whep.offer("v=0")
        await whep.close()
    assert f"{home.url}/stream refused" in caught.value.error
    assert "geheim" not in f"{caught.value} {caught.value.detail}"


async def test_an_address_that_is_none_is_said() -> None:
    whep = WhepClient(WhepEndpoint("http://xn--a/stream"), timeout_s=5)
    with pytest.raises(SourceError, match="is not the address of a WHEP resource"):
        await whep.offer("v=0")
    await whep.close()


async def test_an_answer_without_an_end_is_given_up() -> None:
    async with scripted() as home:
        sent = 0

        async def respond(request: web.Request) -> web.StreamResponse:
            nonlocal sent
            response = web.StreamResponse(status=201)
            await response.prepare(request)
            for _ in itertools.count():
                await response.write(b"a" * 65536)
                sent += 65536
            return response

        home.respond = respond
        async with client(home) as whep:
            with pytest.raises(SourceGarbled, match="larger than 1 MiB"):
                await whep.offer("v=0")
        assert sent < 16 * MAX_SDP_BYTES, "what the sockets' buffers hold"


async def test_an_answer_that_drips_is_given_up_in_time() -> None:
    async with scripted() as home:

        async def respond(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(status=201)
            await response.prepare(request)
            while True:
                await response.write(b"a")
                await asyncio.sleep(0.05)

        home.respond = respond
        began = time.monotonic()
        async with client(home, timeout_s=0.5) as whep:
            with pytest.raises(SourceError, match="no answer within"):
                await whep.offer("v=0")
        assert time.monotonic() - began < 3


async def test_what_unpacks_to_much_is_not_unpacked() -> None:
    packed = gzip.compress(bytes(64 * 2**20))
    headers = {"Content-Encoding": "gzip"}
    request = httpx.Request("GET", "http://example.net/")
    tracemalloc.start()
    with pytest.raises(SourceGarbled, match="larger than"):
        await read(
            httpx.Response(200, request=request, headers=headers, stream=Body(packed)), 2**20
        )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20


@pytest.mark.parametrize(
    ("coding", "body", "said"),
    [("gzip", b"no gzip", "can't be decompressed"), ("br", b"anything", "coding 'br'")],
)
async def test_what_can_t_be_unpacked_is_said(coding: str, body: bytes, said: str) -> None:
    request = httpx.Request("GET", "http://example.net/")
    headers = {"Content-Encoding": coding}
    with pytest.raises(SourceGarbled, match=said):
        await read(httpx.Response(200, request=request, headers=headers, stream=Body(body)), 99)


async def test_what_a_proxy_compressed_is_read() -> None:
    request = httpx.Request("GET", "http://example.net/")
    headers = {"Content-Encoding": "gzip"}
    body = Body(gzip.compress(b"v=0"))
    answer = await read(httpx.Response(200, request=request, headers=headers, stream=body), 99)
    assert answer.text == "v=0"


class Body(httpx.AsyncByteStream):
    """A body as it comes, in parts of 64 KiB."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._data), 65536):
            yield self._data[start : start + 65536]
