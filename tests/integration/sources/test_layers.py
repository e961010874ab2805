"""VP9 and AV1 of several layers from a real publisher, while layers and sizes change."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.protocol import models, rtc

from orchestrator.media import LiveKitEndpoint, TrackKind
from orchestrator.sources.source import Source
from tests.kit.livekit.crowd import conference
from tests.kit.livekit.server import Server
from tests.kit.sources.watcher import Watcher, watching

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]

ALL = pytest.mark.all_only
LARGE, SMALL = (960, 540), (240, 136)
"""Of the uppermost layer and of the lowest, whose lines are a multiple of eight."""

KINDS = [
    ("vp9", "L3T3_KEY"),
    pytest.param("vp9", "L3T3", marks=ALL),
    pytest.param("av1", "L3T3_KEY", marks=ALL),
    pytest.param("av1", "L3T3", marks=ALL),
]


async def quality(source: Source, sid: str, wanted: models.VideoQuality) -> None:
    """Has the server send this layer and those below it."""
    session: Any = source
    setting = rtc.UpdateTrackSettings(track_sids=[sid], quality=wanted)
    await session._connection._signalling.send(track_setting=setting)


@pytest.mark.parametrize(("codec", "layers"), KINDS)
async def test_layers_that_vanish_and_come_back(
    livekit_server: Server, codec: str, layers: str
) -> None:
    room = f"vanishing {codec} {layers}"
    endpoint = LiveKitEndpoint(livekit_server.url, livekit_server.token(room, "recorder"))
    host = {"video": codec, "layers": layers, "width": LARGE[0], "height": LARGE[1]}
    async with (
        conference(livekit_server, room, **host),
        watching(endpoint) as (source, watcher),
    ):
        await watcher.until(lambda: len(watcher.publications) == 4)
        await source.subscribe(frozenset(watcher.publications))
        video = watcher.sid(TrackKind.VIDEO)
        await shows(watcher, LARGE)
        await quality(source, video, models.VideoQuality.LOW)
        await shows(watcher, SMALL)
        await quality(source, video, models.VideoQuality.HIGH)
        await shows(watcher, LARGE)
        # The server may go to another layer within a frame: that one is left out.
        assert source.statistics().frames_undecodable < 10


@pytest.mark.all_only
@pytest.mark.parametrize(("codec", "layers"), KINDS)
async def test_a_publisher_that_changes_its_size(
    livekit_server: Server, codec: str, layers: str
) -> None:
    """Every layer changes its size, and with 640x360 there is one less."""
    room = f"resized {codec} {layers}"
    endpoint = LiveKitEndpoint(livekit_server.url, livekit_server.token(room, "recorder"))
    host = {"video": codec, "layers": layers, "width": LARGE[0], "height": LARGE[1]}
    async with (
        conference(livekit_server, room, **host) as people,
        watching(endpoint) as (source, watcher),
    ):
        await watcher.until(lambda: len(watcher.publications) == 4)
        await source.subscribe(frozenset(watcher.publications))
        for size in (LARGE, (640, 360), (1280, 720)):
            people.host.width, people.host.height = size
            await shows(watcher, size)


async def shows(watcher: Watcher, size: tuple[int, int]) -> None:
    """Until a second's frames in a row have this size, and each its number."""
    await watcher.until(
        lambda: (
            watcher.sizes[-30:] == [size] * 30
            and (size == SMALL or None not in watcher.codes[-30:])
        ),
        20,
    )
