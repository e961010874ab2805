"""The demo's encoders, its bounded queues and its sessions, in this process."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import av
import httpx
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from orchestrator.discovery.demo import broadcaster, server
from orchestrator.discovery.demo.broadcaster import Broadcaster, Item, Program, SharedTrack
from orchestrator.discovery.demo.frames import FLASH, HEIGHT, Beeps, VideoPattern
from orchestrator.discovery.demo.server import Whep
from orchestrator.media import TrackKind
from tests.kit.viewer import SDP, Viewer

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def items() -> list[Item]:
    program = Program(NOON)
    return program.produce(0.5, 0.75) + program.produce(0.75, 1.5)


def packets_of(items: list[Item], kind: TrackKind) -> list[Item]:
    return [item for item in items if item.kind is kind]


def test_a_second_of_packets(items: list[Item]) -> None:
    video, audio = (packets_of(items, kind) for kind in (TrackKind.VIDEO, TrackKind.AUDIO))
    assert [item.packet.pts for item in video] == list(range(45_000, 135_000, 3000))
    assert np.diff([item.packet.pts or 0 for item in audio]).tolist() == [960] * (len(audio) - 1)
    assert len(audio) == 50
    assert [round(item.due_s, 3) for item in video if item.packet.is_keyframe] == [0.5, 1.0]


def test_flash_and_tone_begin_together(items: list[Item]) -> None:
    decoder = av.CodecContext.create("vp8", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = [
        frame
        for item in packets_of(items, TrackKind.VIDEO)
        for frame in decoder.decode(item.packet)
    ]
    white = [frame.pts for frame in frames if frame.to_ndarray()[:HEIGHT][FLASH].mean() > 128]
    assert white == [90_000, 93_000, 96_000]
    first = Beeps().frame(50).to_ndarray()
    assert np.abs(first[0, :100]).max() > 1000
    assert np.abs(Beeps().frame(49).to_ndarray()).max() == 0
    assert np.abs(Beeps().frame(55).to_ndarray()).max() == 0


def test_the_clock_runs() -> None:
    video_frame = VideoPattern(NOON)
    frames = [video_frame.frame(number).to_ndarray() for number in (3, 4, 1803)]
    assert len({frame.tobytes() for frame in frames}) == 3


async def test_a_viewer_that_does_not_keep_up(items: list[Item]) -> None:
    video = [item.packet for item in packets_of(items, TrackKind.VIDEO)]
    track = SharedTrack(TrackKind.VIDEO)
    track.put(video[1])  # no keyframe: nothing to begin with
    for packet in video * 3:
        track.put(packet)
    assert track.dropped == 2  # one that didn't fit, and the next keyframe
    received = [await track.recv() for _ in range(broadcaster.QUEUE_PACKETS)]
    assert received == (video * 3)[: broadcaster.QUEUE_PACKETS]
    track.put(video[1])
    track.put(video[15])
    assert await track.recv() is video[15]
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_the_broadcaster_works_only_for_somebody() -> None:
    broadcaster = Broadcaster()
    tracks = (SharedTrack(TrackKind.AUDIO), SharedTrack(TrackKind.VIDEO))
    broadcaster.add(tracks)
    async with asyncio.timeout(10):
        first = await tracks[1].recv()
        assert first.is_keyframe
        await tracks[0].recv()
    assert broadcaster.skipped_s == 0
    broadcaster.remove(tracks)
    assert broadcaster._task is not None
    await asyncio.wait_for(broadcaster._task, 5)
    await broadcaster.close()


def client_of(whep: Whep) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=whep.app())
    return httpx.AsyncClient(transport=transport, base_url="http://demo", headers=SDP)


async def test_one_that_never_connects_is_dropped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "CONNECT_TIMEOUT_S", 0.1)
    whep, viewer = Whep(), Viewer()
    async with client_of(whep) as client:
        created = await client.post("/whep", content=await viewer.offer())
        assert created.status_code == 201
        _, task = whep._viewers[created.headers["location"].rsplit("/", 1)[1]]
        await asyncio.wait_for(task, 5)
        assert (await client.delete(created.headers["location"])).status_code == 404
    assert "did not connect" in capsys.readouterr().err
    await viewer.connection.close()


async def test_the_places_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_VIEWERS", 1)
    whep, viewer = Whep(), Viewer()
    offer = await viewer.offer()
    async with client_of(whep) as client:
        first = await client.post("/whep", content=offer)
        full = await client.post("/whep", content=offer)
        assert (first.status_code, full.status_code) == (201, 503)
        assert (await client.delete(first.headers["location"])).status_code == 200
        again = await client.post("/whep", content=offer)
        assert again.status_code == 201
        assert (await client.delete(again.headers["location"])).status_code == 200
    await viewer.connection.close()
