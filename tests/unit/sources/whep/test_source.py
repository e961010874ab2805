"""The WHEP source against a small server on a real socket."""

from __future__ import annotations

import time

import pytest

from orchestrator.errors import SourceRefused, SourceUnreachable
from orchestrator.media import IceServer, TrackKind, WhepEndpoint
from orchestrator.sources.aiortc.turn_relays import turn_addresses
from orchestrator.sources.source import (
    ConnectionLost,
    ConnectionRestored,
    PublicationRemoved,
    SourceClosed,
)
from orchestrator.whep.ice_links import ice_servers
from orchestrator.whep.publications import publications_in
from tests.kit.sources.watcher import watching
from tests.kit.sources.whep_server import TOKEN, rejecting_audio, whep_server


async def test_audio_and_video_come_in_step_and_the_session_is_taken_back() -> None:
    async with whep_server() as server:
        # The server's own connection runs in this process too, so it may leave tasks.
        async with watching(WhepEndpoint(server.url, TOKEN), alone=False) as (source, watcher):
            video, audio = watcher.publications["video"], watcher.publications["audio"]
            assert (video.mime_type, audio.mime_type) == ("video/vp8", "audio/opus")
            assert (video.kind, audio.kind) == (TrackKind.VIDEO, TrackKind.AUDIO)
            assert video.participant == audio.participant
            await source.subscribe(frozenset({"video", "audio"}))
            # aiortc dates a packet of audio (20 ms) by its sending, and Opus delays by 6.5 ms.
            await watcher.until(
                lambda: (
                    source.statistics().sender_reports >= 4
                    and len(watcher.offsets_ms()) >= 2
                    and watcher.offsets_ms()[-2:] == pytest.approx([26] * 2, abs=15)
                ),
                25,
            )
            assert watcher.in_a_row() == len(watcher.codes)
        assert (server.posts, server.deleted) == (1, 1)


async def test_a_stream_without_audio_publishes_only_video() -> None:
    async with (
        whep_server(audio=False) as server,
        watching(WhepEndpoint(server.url, TOKEN), alone=False) as (source, watcher),
    ):
        assert set(watcher.publications) == {"video"}
        await source.subscribe(frozenset({"video"}))
        await watcher.until(lambda: len(watcher.codes) > 5)


async def test_a_server_that_rejects_audio_without_a_word_gives_the_video() -> None:
    async with whep_server(audio=False) as server:
        server.alters = rejecting_audio
        async with watching(WhepEndpoint(server.url, TOKEN), alone=False) as (source, watcher):
            assert set(watcher.publications) == {"video"}
            await source.subscribe(frozenset({"video"}))
            await watcher.until(lambda: len(watcher.codes) > 5)


async def test_a_server_that_offers_itself_is_answered_and_its_session_taken_back() -> None:
    async with whep_server(counter=True) as server:
        async with watching(WhepEndpoint(server.url, TOKEN), alone=False) as (source, watcher):
            assert set(watcher.publications) == {"video", "audio"}
            await source.subscribe(frozenset({"video", "audio"}))
            await watcher.until(lambda: len(watcher.codes) > 5 and "audio" in watcher.times)
        assert (server.posts, server.deleted) == (1, 1)


def test_a_link_header_without_an_end_takes_no_time() -> None:
    began_s = time.process_time()
    assert ice_servers(["<" * 60_000]) == []
    assert time.process_time() - began_s < 2, "it took 16 s where every < was followed to the end"


@pytest.mark.parametrize("said", ["", "<html>Welcome</html>", "v=0"])
def test_what_has_no_media_is_no_sdp(said: str) -> None:
    with pytest.raises(ValueError, match="no m-line"):
        publications_in(said, "whep")


async def test_what_is_not_wanted_any_more_does_not_come() -> None:
    async with (
        whep_server() as server,
        watching(WhepEndpoint(server.url, TOKEN), alone=False) as (source, watcher),
    ):
        await source.subscribe(frozenset({"video", "audio"}))
        await watcher.until(lambda: len(watcher.codes) > 5 and "audio" in watcher.times)
        await source.subscribe(frozenset({"audio"}))
        seen, heard = len(watcher.codes), len(watcher.times["audio"])
        await watcher.until(lambda: len(watcher.times["audio"]) > heard + 20)
        assert len(watcher.codes) == seen


async def test_a_server_that_ends_the_connection_is_asked_again() -> None:
    async with whep_server(audio=False) as server:
        endpoint = WhepEndpoint(server.url, TOKEN)
        async with watching(endpoint, renew=lambda: endpoint, alone=False) as (source, watcher):
            await source.subscribe(frozenset({"video"}))
            await watcher.until(lambda: len(watcher.codes) > 5)
            await server.connections["s1"].close()
            await watcher.until(lambda: watcher.of(ConnectionRestored))
            assert len(watcher.of(ConnectionLost)) == 1
            seen = len(watcher.codes)
            await watcher.until(lambda: len(watcher.codes) > seen + 5)
            assert not watcher.of(PublicationRemoved), "the same publication goes on"
            assert source.statistics().reconnects == 1


async def test_a_server_that_refuses_later_ends_the_source() -> None:
    async with whep_server(audio=False) as server:
        good, bad = WhepEndpoint(server.url, TOKEN), WhepEndpoint(server.url, "stale")
        async with watching(good, renew=lambda: bad, alone=False) as (source, watcher):
            await source.subscribe(frozenset({"video"}))
            await watcher.until(lambda: len(watcher.codes) > 1)
            await server.connections["s1"].close()
            await watcher.until(lambda: watcher.of(SourceClosed))
            assert isinstance(watcher.of(SourceClosed)[0].error, SourceRefused)


@pytest.mark.parametrize(
    ("path", "token", "reason"),
    [("/stream", "wrong", "HTTP 401: who are you"), ("/unknown", TOKEN, "HTTP 404")],
)
async def test_a_refusal_says_what_the_server_said(path: str, token: str, reason: str) -> None:
    async with whep_server() as server:
        url = server.url.replace("/stream", path)
        with pytest.raises(SourceRefused, match=reason) as caught:
            async with watching(WhepEndpoint(url, token), alone=False):
                pass
        assert caught.value.detail


async def test_no_server_is_unreachable() -> None:
    with pytest.raises(SourceUnreachable):
        async with watching(WhepEndpoint("http://127.0.0.1:9/stream")):
            pass


def test_ice_servers_are_read_from_link_headers_and_only_relays_are_used() -> None:
    found = ice_servers(
        [
            '<stun:stun.example.net>; rel="ice-server", <turn:t.example.net?transport=udp>; '
            'rel="ice-server"; username="user"; credential="pass,word"; credential-type="password"',
            '<https://example.net/help>; rel="help"',
        ]
    )
    assert found == [
        IceServer(("stun:stun.example.net",)),
        IceServer(("turn:t.example.net?transport=udp",), "user", "pass,word"),
    ]
    (relay,) = turn_addresses(found)
    assert str(relay) == "t.example.net:3478 (udp)"
    assert "pass" not in repr(found)
    assert "pass" not in repr(relay)
