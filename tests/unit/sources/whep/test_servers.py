"""WHEP servers that differ, each on a real socket and with real media."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiortc.sdp import SessionDescription

from orchestrator.errors import NotLive, SourceError, SourceGarbled, SourceUnreachable
from orchestrator.media import RECEIVABLE, WhepEndpoint
from orchestrator.sources.source import ConnectionLost, ConnectionRestored, SourceClosed
from orchestrator.whep.question import offer, published
from tests.kit.sources.watcher import watching
from tests.kit.sources.whep_answers import SDP, scripted
from tests.kit.sources.whep_server import (
    TOKEN,
    WhepServer,
    retransmissions_first,
    whep_server,
    with_one_direction,
    without_directions,
)


@asynccontextmanager
async def silent_port() -> AsyncIterator[int]:
    """A UDP port of loopback that takes everything and answers nothing."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    yield transport.get_extra_info("sockname")[1]
    transport.close()


async def frames_come(server: WhepServer, path: str = "/stream") -> None:
    endpoint = WhepEndpoint(server.url.replace("/stream", path), TOKEN)
    async with watching(endpoint, alone=False) as (source, watcher):
        assert watcher.publications["video"].mime_type == "video/vp8"
        await source.subscribe(frozenset({"video"}))
        await watcher.until(lambda: len(watcher.codes) > 5)


@pytest.mark.parametrize("location", ["/sessions/{name}", "sessions/{name}", "./sessions/{name}"])
async def test_a_session_is_taken_back_wherever_it_is(location: str) -> None:
    async with whep_server(audio=False) as server:
        server.location = location
        await frames_come(server)
        assert (server.posts, server.deleted) == (1, 1)


async def test_a_server_that_names_no_session_gives_the_stream() -> None:
    async with whep_server(audio=False) as server:
        server.location = None
        await frames_come(server)
        assert (server.posts, server.deleted) == (1, 0)


@pytest.mark.parametrize("alters", [retransmissions_first, without_directions, with_one_direction])
async def test_an_answer_in_another_order_gives_the_stream(alters: Callable[[str], str]) -> None:
    async with whep_server(audio=False) as server:
        server.alters = alters
        await frames_come(server)


async def test_a_stream_that_has_moved_for_now_is_followed() -> None:
    async with whep_server(audio=False) as server:
        await frames_come(server, "/moved")
        assert (server.posts, server.deleted) == (1, 1)


async def test_a_busy_server_gives_the_stream_a_little_later() -> None:
    async with whep_server(audio=False) as server:
        server.busy = 2
        await frames_come(server)
        assert server.posts == 3


async def test_turn_servers_that_are_dead_cost_no_time() -> None:
    """Two that take packets and never answer, and one that refuses connections."""
    async with silent_port() as first, silent_port() as second:
        ports = (f"{first}?transport=udp", f"{second}?transport=udp", "9?transport=tcp")
        links = [
            f'<turn:127.0.0.1:{port}>; rel="ice-server"; username="u"; credential="c"'
            for port in ports
        ]
        took = []
        for given in ([], links):
            async with whep_server(audio=False, links=given) as server:
                began = time.monotonic()
                await frames_come(server)
                took.append(time.monotonic() - began)
    assert took[1] < took[0] + 1


async def test_a_publisher_that_comes_back_is_recorded_on() -> None:
    """Until then the server says 404: that ends nothing, as its publisher may be reconnecting."""
    async with whep_server(audio=False) as server:
        endpoint = WhepEndpoint(server.url, TOKEN)
        async with watching(endpoint, renew=lambda: endpoint, alone=False) as (source, watcher):
            await source.subscribe(frozenset({"video"}))
            await watcher.until(lambda: len(watcher.codes) > 5)
            server.away = 404
            posts = server.posts
            await server.connections["s1"].close()
            await watcher.until(lambda: watcher.of(ConnectionLost))
            async with asyncio.timeout(10):
                while server.posts < posts + 2:
                    await asyncio.sleep(0.01)
            server.away = None
            await watcher.until(lambda: watcher.of(ConnectionRestored))
            seen = len(watcher.codes)
            await watcher.until(lambda: len(watcher.codes) > seen + 5)
            assert not watcher.of(SourceClosed)


async def test_a_publisher_that_stays_away_ends_the_stream_and_fails_in_nothing() -> None:
    async with whep_server(audio=False) as server:
        endpoint = WhepEndpoint(server.url, TOKEN)
        async with watching(
            endpoint, renew=lambda: endpoint, reconnect_timeout_s=3, alone=False
        ) as (source, watcher):
            await source.subscribe(frozenset({"video"}))
            await watcher.until(lambda: len(watcher.codes) > 5)
            server.away = 409
            await server.connections["s1"].close()
            await watcher.until(lambda: watcher.of(SourceClosed))
            (closed,) = watcher.of(SourceClosed)
            assert (closed.error, "the stream had ended" in closed.reason) == (None, True)


async def test_a_server_that_dies_is_looked_for_until_time_is_up() -> None:
    async with whep_server(audio=False) as server:
        endpoint = WhepEndpoint(server.url, TOKEN)
        async with watching(
            endpoint, renew=lambda: endpoint, reconnect_timeout_s=3, alone=False
        ) as (source, watcher):
            await source.subscribe(frozenset({"video"}))
            await watcher.until(lambda: len(watcher.codes) > 5)
            await server.stop()
            await watcher.until(lambda: watcher.of(SourceClosed))
            (closed,) = watcher.of(SourceClosed)
            assert closed.error is not None
            assert "can't be reached" in closed.error.error


@pytest.mark.parametrize(
    "said",
    [
        "",
        "<html>Welcome</html>",
        "v=0\r\n",
        "m=video",
        "m=",
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n",
        SDP,
        SDP.replace("a=mid:1", "a=mid:7"),
        "\x00" * 1000,
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 1000,
    ],
    ids=range(10),
)
async def test_garbage_is_an_error_that_names_the_server(said: str) -> None:
    """No exception but ours, and the session that came with it is taken back."""
    async with scripted() as server:
        server.says(status=201, text=said, headers={"Location": "/session"})
        with pytest.raises(SourceError) as caught:
            async with watching(WhepEndpoint(f"{server.url}/stream"), alone=False):
                raise AssertionError("it was taken for a stream")
        assert caught.value.error
        assert server.asked[-1][:2] == ("DELETE", "/session")


async def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    async with scripted() as server:

        async def respond(_: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError

        server.respond = respond
        began = time.monotonic()
        with pytest.raises(SourceUnreachable, match="no answer within"):
            await published(WhepEndpoint(server.url), timeout_s=0.3)
        assert time.monotonic() - began < 3


async def test_what_is_asked_of_a_real_server_is_what_it_sends() -> None:
    """Its answer is aiortc's to an offer that it can't tell from any other."""
    async with whep_server() as server:
        endpoint = WhepEndpoint(server.url, TOKEN)
        found = await published(endpoint, timeout_s=5)
        assert {each.mime_type for each in found} == {"audio/opus", "video/vp8"}
        assert (server.posts, server.deleted, server.connections) == (1, 1, {})
        server.away = 404
        with pytest.raises(NotLive, match="no one is publishing"):
            await published(endpoint, timeout_s=5)


@pytest.mark.parametrize("said", ["<html>Welcome</html>", "v=0\r\n"])
async def test_what_is_no_answer_is_garbled(said: str) -> None:
    async with scripted() as server:
        server.says(status=201, text=said)
        with pytest.raises(SourceGarbled, match="not SDP"):
            await published(WhepEndpoint(server.url), timeout_s=5)


async def test_a_server_that_would_rather_offer_is_asked_and_left() -> None:
    async with whep_server(counter=True) as server:
        found = await published(WhepEndpoint(server.url, TOKEN), timeout_s=5)
        assert {each.kind for each in found} == {"audio", "video"}
        assert (server.posts, server.deleted) == (1, 1)


async def test_it_is_asked_for_what_is_received() -> None:
    """The same codecs in the same order as in a recording's own offer, and nothing else."""
    async with scripted() as server:
        with pytest.raises(SourceError):
            async with watching(WhepEndpoint(server.url), alone=False):
                raise AssertionError("it was taken for a stream")
        real = server.bodies[0]
    assert codecs_of(offer()) == codecs_of(real)
    asked = {f"{kind}/{name}" for kind, names in codecs_of(offer()).items() for name in names}
    assert asked == RECEIVABLE


def codecs_of(sdp: str) -> dict[str, list[str]]:
    """The names of its codecs by kind, each once, without retransmissions."""
    found: dict[str, list[str]] = {}
    for section in SessionDescription.parse(sdp).media:
        names = [codec.name.lower() for codec in section.rtp.codecs]
        found[section.kind] = [each for each in dict.fromkeys(names) if each != "rtx"]
    return found
