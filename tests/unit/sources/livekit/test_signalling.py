"""Signalling against servers on real sockets that refuse, fall silent or know regions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from aiohttp import web
from livekit.protocol import models, rtc
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from orchestrator.errors import SourceBusy, SourceError, SourceRefused, SourceUnreachable
from orchestrator.sources.livekit.regions import addresses, base_url, region_lookup, regions
from orchestrator.sources.livekit.signalling import (
    MAX_TOKEN_BYTES,
    REASONS,
    Signalling,
    SignallingLost,
)

JOIN = rtc.SignalResponse(join=rtc.JoinResponse(ping_interval=1, ping_timeout=1))


@asynccontextmanager
async def server(
    first: rtc.SignalResponse | None, status: int | None = None
) -> AsyncIterator[tuple[str, list[rtc.SignalRequest]]]:
    """Answers the handshake with `status`, or says `first` and then nothing more."""
    heard: list[rtc.SignalRequest] = []

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        assert request.headers["Authorization"] == "Bearer token"
        assert "token" not in request.path
        return connection.respond(HTTPStatus(status), "because\n") if status else None

    async def handle(connection: ServerConnection) -> None:
        if first is not None:
            await connection.send(first.SerializeToString())
        async for data in connection:
            assert isinstance(data, bytes)
            heard.append(rtc.SignalRequest.FromString(data))

    async with serve(handle, "127.0.0.1", 0, process_request=refuse) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}", heard


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, SourceRefused),
        (403, SourceRefused),
        (404, SourceRefused),
        (410, SourceError),
        (429, SourceUnreachable),
        (503, SourceUnreachable),
    ],
)
async def test_what_the_handshake_says_is_reported(status: int, error: type[SourceError]) -> None:
    async with server(None, status) as (url, _):
        with pytest.raises(error, match=f"HTTP {status}: because") as caught:
            await Signalling.join(url, "token", timeout_s=5)
    assert type(caught.value) is error
    assert caught.value.detail


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async with server(None) as (url, _):
        with pytest.raises(SourceUnreachable, match="no answer within"):
            await Signalling.join(url, "token", timeout_s=0.3)


async def test_a_leave_instead_of_a_join_is_a_refusal() -> None:
    leave = rtc.LeaveRequest(reason=models.DisconnectReason.DUPLICATE_IDENTITY)
    async with server(rtc.SignalResponse(leave=leave)) as (url, _):
        with pytest.raises(SourceRefused, match="another participant"):
            await Signalling.join(url, "token", timeout_s=5)


async def test_silence_ends_the_connection_and_pings_were_sent() -> None:
    async with server(JOIN) as (url, heard):
        signalling = await Signalling.join(url, "token", timeout_s=5)
        with pytest.raises(SignallingLost, match="stopped answering"):
            await asyncio.wait_for(anext(signalling.messages()), 5)
        await signalling.close()
    assert {request.WhichOneof("message") for request in heard} >= {"ping", "ping_req"}


@pytest.mark.parametrize("interval", [-1, 0, 2**31 - 1])
async def test_a_senseless_ping_interval_is_not_believed(interval: int) -> None:
    joined = rtc.JoinResponse(ping_interval=interval, ping_timeout=interval)
    async with server(rtc.SignalResponse(join=joined)) as (url, heard):
        signalling = await Signalling.join(url, "token", timeout_s=5)
        async with asyncio.timeout(5):
            while len(heard) < 2:
                await asyncio.sleep(0.01)
        await signalling.send(simulate=rtc.SimulateScenario())
        async with asyncio.timeout(5):
            while heard[-1].WhichOneof("message") != "simulate":
                await asyncio.sleep(0.01)
        assert len(heard) == 3, "one ping of both kinds, and what was sent after it"
        await signalling.close()


async def test_a_token_without_an_end_is_not_kept() -> None:
    async with server(JOIN) as (url, _):
        signalling = await Signalling.join(url, "token", timeout_s=5)
        signalling._renew("x" * (MAX_TOKEN_BYTES + 1))
        signalling._renew("")
        assert signalling.token == "token"
        signalling._renew("new")
        assert signalling.token == "new"
        await signalling.close()


async def test_a_server_that_is_busy_says_when_to_come_back() -> None:
    def refuse(connection: ServerConnection, _: Request) -> Response:
        response = connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "because\n")
        response.headers["Retry-After"] = "30"
        return response

    async def handle(_: ServerConnection) -> None: ...

    async with serve(handle, "127.0.0.1", 0, process_request=refuse) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        with pytest.raises(SourceBusy, match="HTTP 503: because") as caught:
            await Signalling.join(f"ws://127.0.0.1:{port}", "token", timeout_s=5)
    assert caught.value.context["retry_after_s"] == 30


async def test_a_redirection_to_another_origin_takes_no_token_along() -> None:
    seen: list[str | None] = []

    def look(connection: ServerConnection, request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        return connection.respond(HTTPStatus.FORBIDDEN, "")

    async def handle(_: ServerConnection) -> None: ...

    async with serve(handle, "127.0.0.1", 0, process_request=look) as elsewhere:
        port = next(iter(elsewhere.sockets)).getsockname()[1]

        def send_there(connection: ServerConnection, _: Request) -> Response:
            response = connection.respond(HTTPStatus.TEMPORARY_REDIRECT, "")
            response.headers["Location"] = f"ws://127.0.0.1:{port}/rtc"
            return response

        async with serve(handle, "127.0.0.1", 0, process_request=send_there) as home:
            port_of_home = next(iter(home.sockets)).getsockname()[1]
            with pytest.raises(SourceRefused):
                await Signalling.join(f"ws://127.0.0.1:{port_of_home}", "token", timeout_s=5)
    assert seen == [None]


@pytest.mark.parametrize("location", ["ws://[", "ws://a:99999/"])
async def test_a_redirection_to_no_address_is_an_error_of_the_server(location: str) -> None:
    def send_there(connection: ServerConnection, _: Request) -> Response:
        response = connection.respond(HTTPStatus.TEMPORARY_REDIRECT, "")
        response.headers["Location"] = location
        return response

    async def handle(_: ServerConnection) -> None: ...

    async with serve(handle, "127.0.0.1", 0, process_request=send_there) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        with pytest.raises(SourceError, match="LiveKit server"):
            await Signalling.join(f"ws://127.0.0.1:{port}", "token", timeout_s=5)


async def test_a_renewed_token_is_kept() -> None:
    async with server(JOIN) as (url, _):
        signalling = await Signalling.join(url, "token", timeout_s=5)
        assert signalling.token == "token"
        await signalling.close()
        with pytest.raises(SignallingLost):
            await signalling.send(ping=1)


def test_every_reason_of_the_protocol_has_words_or_is_not_for_recorders() -> None:
    others = {"UNKNOWN_REASON", "USER_UNAVAILABLE", "USER_REJECTED", "SIP_TRUNK_FAILURE"}
    others.add("AGENT_ERROR")
    named = {models.DisconnectReason.Name(value) for value in REASONS}
    assert named | others == set(models.DisconnectReason.keys())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.livekit.cloud/", "wss://x.livekit.cloud"),
        ("http://h:7880", "ws://h:7880"),
        ("wss://h/path", "wss://h/path"),
    ],
)
def test_base_url(url: str, expected: str) -> None:
    assert base_url(url) == expected


def test_only_cloud_hosts_are_asked_for_regions() -> None:
    expected = "https://a.livekit.cloud/settings/regions"
    assert region_lookup("wss://a.livekit.cloud") == expected
    assert region_lookup("wss://livekit.cloud.example.com") is None
    assert region_lookup("ws://127.0.0.1:7880") is None


@asynccontextmanager
async def region_server(answer: web.Response) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer token"
        return answer

    app = web.Application()
    app.router.add_get("/settings/regions", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/settings/regions"
    finally:
        await runner.cleanup()


async def test_regions_come_nearest_first() -> None:
    listed = [
        {"region": "far", "url": "https://far.livekit.cloud", "distance": "9000"},
        {"region": "near", "url": "https://near.livekit.cloud"},
        {"region": "elsewhere", "url": "https://livekit.cloud.example.com"},
        {"region": "open", "url": "http://open.livekit.cloud"},
        {"region": "middle", "url": "https://middle.livekit.cloud", "distance": "20"},
    ]
    async with region_server(web.json_response({"regions": listed})) as lookup:
        found = await regions(lookup, "token")
    assert [url.split("//")[1].split(".")[0] for url in found] == ["near", "middle", "far"]


async def test_a_list_of_regions_without_an_end_is_no_answer() -> None:
    listed = [{"region": "x", "url": "https://x.livekit.cloud"}] * 20_000
    async with region_server(web.json_response({"regions": listed})) as lookup:
        assert await regions(lookup, "token") == []


@pytest.mark.parametrize(
    "body", ["[" * 5000, "[]", "{}", "nonsense", '{"regions": [{"region": "x"}]}']
)
async def test_a_bad_answer_about_regions_is_no_answer(body: str) -> None:
    async with region_server(web.Response(text=body)) as lookup:
        assert await regions(lookup, "token") == []


async def test_without_regions_the_given_address_is_tried() -> None:
    assert await addresses("https://example.com", "token") == ["wss://example.com"]
