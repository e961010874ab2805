"""The publishers of one stream, with real connections of this process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial

import pytest

from orchestrator.errors import (
    NobodyPublishes,
    NoIceRestart,
    PublisherNotFound,
    StaleSession,
    UnusableOffer,
)
from orchestrator.sources.aiortc.ingest.local_addresses import LocalAddresses
from orchestrator.sources.whip import publisher as publishing
from orchestrator.sources.whip.publisher import Publisher, StreamLimits
from orchestrator.sources.whip.publishers import Publishers
from orchestrator.sources.whip.source import WhipSource
from tests.kit.fakes import until
from tests.kit.sources.watcher import Watcher, nothing_left
from tests.kit.whip.webrtc import offering

pytestmark = pytest.mark.real_time

LIMITS = StreamLimits(1920 * 1080, 4.0)


class Stream:
    """Its publishers, and how often the last one has left."""

    def __init__(self, addresses: LocalAddresses = LocalAddresses()) -> None:  # noqa: B008
        self.emptied = 0
        self.publishers = Publishers(addresses, LIMITS, self._empty)

    def _empty(self) -> None:
        self.emptied += 1


@pytest.fixture
async def stream() -> AsyncIterator[Stream]:
    before = asyncio.all_tasks()
    made = Stream()
    yield made
    await made.publishers.close()
    await nothing_left(before, set())


def source_of(stream: Stream, watcher: Watcher, *, encoded: bool, wait_s: float = 10) -> WhipSource:
    return WhipSource(
        stream.publishers,
        watcher,
        wait_s=wait_s,
        max_frame_pixels=1920 * 1080,
        keyframe_interval_s=4.0 if encoded else None,
    )


async def test_it_is_there_once_its_media_comes(stream: Stream) -> None:
    async with offering() as publisher:
        answered = await stream.publishers.offer(publisher.sdp)
        assert stream.publishers.described() is None
        assert not stream.publishers.is_empty
        assert answered.sdp.count("a=recvonly") == 2
        assert "a=candidate:" in answered.sdp
        await publisher.take(answered.sdp)
        await stream.publishers.until_connected()
        found = stream.publishers.described()
        assert found is not None
        await until(lambda: all(t["width"] for t in _tracks(stream) if t["kind"] == "video"))
        assert [(t["kind"], t["mime_type"], t["width"]) for t in _tracks(stream)] == [
            ("audio", "audio/opus", 0),
            ("video", "video/vp8", 320),
        ]
        stream.publishers.leave(answered.session)
        await until(lambda: stream.emptied == 1)
        assert stream.publishers.is_empty
        with pytest.raises(PublisherNotFound):
            stream.publishers.leave(answered.session)


async def test_what_aiortc_refuses_is_said_of_the_publisher(stream: Stream) -> None:
    async with offering() as publisher:
        lines = publisher.sdp.split("\r\n")
    bare = "\r\n".join(line for line in lines if not line.startswith("a=fingerprint"))
    with pytest.raises(UnusableOffer, match="no a=fingerprint"):
        await stream.publishers.offer(bare)
    other = re.sub(r"a=rtpmap:(\d+) VP8/90000", r"a=rtpmap:\1 VP8/1000", publisher.sdp)
    other = re.sub(r"a=rtpmap:(\d+) H264/90000", r"a=rtpmap:\1 H264/1000", other)
    with pytest.raises(UnusableOffer, match="no codec of its video can be received") as raised:
        await stream.publishers.offer(other)
    assert "server" not in str(raised.value)
    assert "Video may be VP8" in raised.value.detail
    assert stream.publishers.is_empty


@pytest.mark.parametrize("encoded", [False, True])
async def test_recordings_take_turns_with_one_publisher(stream: Stream, encoded: bool) -> None:
    """The first begins with the stream, the next ones in the midst of it, each in its own way."""
    async with offering() as publisher:
        answered = await stream.publishers.offer(publisher.sdp)
        await publisher.take(answered.sdp)
        for how in (encoded, not encoded, encoded):
            watcher = Watcher()
            source = source_of(stream, watcher, encoded=how)
            await source.open()
            await source.subscribe(frozenset({"audio", "video"}))
            await watcher.until(partial(_many, watcher))
            if how:
                assert watcher.encoded["video"][0].keyframe
                assert {frame.codec for frame in watcher.encoded["video"]} == {"vp8"}
            else:
                assert watcher.in_a_row() > 10
            counted = source.statistics()
            assert counted.packets_received < 400, "of this recording alone"
            assert counted.reconnects == 0
            await source.close()
        assert stream.publishers.described() is not None, "it stays"


async def test_the_next_one_replaces_it_and_the_source_goes_on(stream: Stream) -> None:
    watcher = Watcher()
    source = source_of(stream, watcher, encoded=False)
    async with offering() as first, offering() as second:
        await first.take((await stream.publishers.offer(first.sdp)).sdp)
        await source.open()
        await source.subscribe(frozenset({"audio", "video"}))
        await watcher.until(lambda: len(watcher.codes) > 10)
        with pytest.raises(UnusableOffer):
            await stream.publishers.offer("v=0")
        assert stream.publishers.described() is not None, "a bad offer changes nothing"
        answered = await stream.publishers.offer(second.sdp)
        seen = len(watcher.codes)
        await watcher.until(lambda: len(watcher.codes) > seen + 5)
        await second.take(answered.sdp)
        await until(lambda: source.statistics().reconnects == 1)
        seen = len(watcher.codes)
        await watcher.until(lambda: len(watcher.codes) > seen + 10)
        await until(lambda: first.connection.connectionState == "closed")
    await source.close()


@pytest.mark.parametrize(
    ("kinds", "codec", "taken"),
    [
        (("audio",), "VP8", ["audio/opus"]),
        (("video",), "VP8", ["video/vp8"]),
        (("video",), "H265", ["video/h265"]),
        (("audio", "video"), "theora", None),
        (("video",), "theora", None),
    ],
)
async def test_what_is_taken_of_one_kind_or_codec(
    stream: Stream, kinds: tuple[str, ...], codec: str, taken: list[str] | None
) -> None:
    async with offering(kinds) as publisher:
        sdp = publisher.sdp.replace("VP8/90000", f"{codec}/90000")
        if taken is None:
            with pytest.raises(UnusableOffer):
                await stream.publishers.offer(sdp)
            assert stream.publishers.is_empty
            return
        answered = await stream.publishers.offer(sdp)
        session = stream.publishers.session(answered.session)
        assert [each.mime_type for each in session.publications.values()] == taken


async def test_what_is_offered_in_other_profiles_alone_is_refused_in_words(stream: Stream) -> None:
    async with offering(("video",)) as publisher:
        sdp = ""
        for line in publisher.sdp.splitlines():
            kind = line.partition("a=rtpmap:")[2].partition(" ")[0]
            named = "rtpmap" in line and "rtx/" not in line
            main_10 = f"a=rtpmap:{kind} H265/90000\r\na=fmtp:{kind} profile-id=2"
            sdp += (
                ""
                if "a=fmtp:" in line and "apt=" not in line
                else (f"{main_10 if named else line}\r\n")
            )
        with pytest.raises(UnusableOffer, match="no codec that can be received"):
            await stream.publishers.offer(sdp)
        assert stream.publishers.is_empty


async def test_one_that_never_connects_is_given_up(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "CONNECT_S", 0.2)
    async with offering() as dead:
        answered = await stream.publishers.offer(dead.sdp)
        await stream.publishers.until_decided()
        with pytest.raises(PublisherNotFound):
            stream.publishers.session(answered.session)
        await until(lambda: stream.emptied == 1)


async def test_one_that_connects_and_sends_nothing_replaces_nobody(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "CONNECT_S", 2.0)
    monkeypatch.setattr(publishing, "STEADY_S", 0.1)
    async with offering() as working, offering() as mute:
        answered = await stream.publishers.offer(working.sdp)
        await working.take(answered.sdp)
        there = await stream.publishers.until_connected()
        for sender in mute.connection.getSenders():
            sender.replaceTrack(None)
        answered = await stream.publishers.offer(mute.sdp)
        session = stream.publishers.session(answered.session)
        await mute.take(answered.sdp)
        await until(lambda: mute.connection.connectionState == "connected")
        await stream.publishers.until_decided()
        assert session.ended.result() == "no media within 2 s"
        assert stream.publishers.current is there
        assert not there.ended.done()


async def test_nobody_comes(stream: Stream) -> None:
    source = source_of(stream, Watcher(), encoded=True, wait_s=0.1)
    with pytest.raises(NobodyPublishes, match=r"within 0\.1 s"):
        await source.open()
    await source.close()


async def test_nobody_comes_again(stream: Stream) -> None:
    watcher = Watcher()
    source = source_of(stream, watcher, encoded=True, wait_s=0.5)
    async with offering(("video",)) as publisher:
        answered = await stream.publishers.offer(publisher.sdp)
        await publisher.take(answered.sdp)
        await stream.publishers.until_connected()
        await source.open()
        stream.publishers.leave(answered.session)
        await watcher.until(lambda: "SourceClosed" in repr(watcher.events[-1]))
    end = watcher.events[-1]
    assert getattr(end, "error") is None  # noqa: B009
    reason = getattr(end, "reason")  # noqa: B009
    assert reason == "the publisher left; nobody published again within 0.5 s"
    await source.close()


async def test_trickled_candidates_connect(stream: Stream) -> None:
    async with offering() as publisher:
        lines = publisher.sdp.splitlines()
        bare = "\r\n".join(line for line in lines if "candidate" not in line) + "\r\n"
        answered = await stream.publishers.offer(bare)
        session, etag = answered.session, answered.etag
        fragment = "\r\n".join(line for line in lines if "candidate" in line)
        with pytest.raises(StaleSession):
            stream.publishers.add_candidates(session, "x", fragment)
        with pytest.raises(NoIceRestart):
            stream.publishers.add_candidates(session, etag, "a=ice-ufrag:other\r\n")
        with pytest.raises(PublisherNotFound):
            stream.publishers.add_candidates("x", etag, fragment)
        stream.publishers.add_candidates(session, etag, fragment)
        await publisher.take(answered.sdp)
        await stream.publishers.until_connected()


async def test_who_is_being_answered_is_there(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    refused = UnusableOffer("The offer sends nothing.")

    async def answer(_: Publisher, __: str) -> str:
        asked.set()
        await go_on.wait()
        raise refused

    monkeypatch.setattr(Publisher, "answer", answer)
    offer = asyncio.create_task(stream.publishers.offer("v=0"))
    await asked.wait()
    assert not stream.publishers.is_empty
    go_on.set()
    with pytest.raises(UnusableOffer):
        await offer
    assert stream.publishers.is_empty
    assert stream.emptied == 1, "who waits for that learns of it"


def _tracks(stream: Stream) -> list[dict[str, object]]:
    found = stream.publishers.described()
    return list(found["tracks"]) if found else []


def _many(watcher: Watcher) -> bool:
    return all(len(watcher.times.get(sid, ())) > 20 for sid in ("audio", "video"))
