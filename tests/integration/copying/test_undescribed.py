"""Copied videos of which no player could be told how to decode them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import NoMedia
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from tests.kit.livekit.crowd import microphones
from tests.kit.livekit.rooms import Publisher, publish
from tests.kit.livekit.server import Server
from tests.kit.managing import managing
from tests.kit.recordings.copied import asked, kinds, tracks
from tests.kit.recordings.waits import FPS, until_received
from tests.kit.signals.codes import encoded

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


def with_endless_parameter_sets(host: Publisher, *, seconds: int) -> None:
    """Its keyframes have a sequence parameter set that no header of a file has room for."""
    how = {"width": host.width, "height": host.height, "fps": host.fps}
    host.prepared = [
        (_padded(data) if key else data, key)
        for data, key in encoded("h264", **how, seconds=seconds)
    ]


def _padded(data: bytes) -> bytes:
    at = data.index(b"\0\0\0\1\x68")
    return data[:at] + bytes([1]) * 3000 + data[at:]


@pytest.mark.all_only
async def test_where_nothing_else_comes_the_start_says_why(
    settings_for: Callable[..., Settings], livekit_server: Server
) -> None:
    room = "undescribed"
    async with (
        managing(settings_for(connect_timeout_s=3)) as manager,
        publish(livekit_server, room, video=None, audio=False) as host,
    ):
        with_endless_parameter_sets(host, seconds=15)
        host.start_clock()
        await host.publish_video("h264")
        with pytest.raises(NoMedia) as refused:
            await manager.start(asked(room))
        assert await manager.catalog.active() == []
        assert list(manager.settings.output_directory.iterdir()) == []
    assert "the camera video of 'publisher' (H264) can be recorded as it comes" in str(
        refused.value
    )
    assert "bytes of parameter sets" in refused.value.error
    assert "a pipeline that encodes" in refused.value.detail


async def test_what_else_comes_is_recorded_and_a_warning_names_it(
    manager: Manager, livekit_server: Server
) -> None:
    room = "undescribed and others"
    async with (
        publish(livekit_server, room, video=None, audio=False) as host,
        publish(livekit_server, room, identity="alice"),
        microphones(livekit_server, room, 1),
    ):
        with_endless_parameter_sets(host, seconds=20)
        host.start_clock()
        await host.publish_video("h264")
        started = await manager.start(asked(room, tracks="all"))
        await until_received(manager, room, 2 * FPS)
        row = await manager.get(started.id)
        assert any("'publisher' (H264) can be recorded" in each for each in row.figures["warnings"])
        ended = await manager.stop(room)
    assert (ended.state, ended.error) == ("completed", None)
    assert (await kinds(manager, ended)).count("left_out") == 1
    assert set(tracks(Path(ended.output_path))) == {
        *("alice camera", "alice microphone", "speaker-0 microphone")
    }
