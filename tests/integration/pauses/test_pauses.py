"""Pauses in real rooms: nothing is missing but what came meanwhile, and audio stays in step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import av
import pytest

from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from tests.kit.livekit.server import Server
from tests.kit.managing import managing
from tests.kit.recordings.copied import kinds
from tests.kit.recordings.paused import PATIENT, measured, record

pytestmark = [pytest.mark.livekit, pytest.mark.real_time]


@pytest.fixture
async def manager(settings_for: Callable[..., Settings]) -> AsyncIterator[Manager]:
    async with managing(settings_for(**PATIENT)) as opened:
        yield opened


async def test_a_pause_is_cut_out(manager: Manager, livekit_server: Server) -> None:
    request = StartRequest("paused", "mp4", None, "low")
    ended, paused = await record(manager, livekit_server, request, [1, 0.2], between=40)
    found = await measured(manager, ended, paused)
    assert found.pauses == 2
    assert (found.missing, found.missing_at_pauses, found.audio_gaps) == ((), 0, 0)
    assert found.worst_ms < 15
    assert found.longest_resume_ms < 300
    assert abs(found.length_ms) < 60
    with av.open(ended.output_path) as file:
        titles = [chapter["metadata"]["title"] for chapter in file.chapters()]
    assert titles[:2] == ["Beginning", "After a pause of 1 s"]
    assert len(titles) == 3
    log = await kinds(manager, ended)
    assert [kind for kind in log if kind in ("paused", "resumed")] == ["paused", "resumed"] * 2


@pytest.mark.all_only
@pytest.mark.timeout(240)
@pytest.mark.parametrize("format", ["mp4", "webm", "mkv"])
async def test_ten_pauses_in_a_minute(
    manager: Manager, livekit_server: Server, format: str
) -> None:
    copies = format == "mkv"
    request = StartRequest("paused", format, "copy" if copies else None, "low")
    ended, paused = await record(
        manager, livekit_server, request, [2.0] * 10, between=105, live=copies
    )
    found = await measured(manager, ended, paused)
    print(found)
    assert found.pauses == 10
    assert found.missing == ()
    assert found.audio_gaps <= (1 if copies else 0)
    assert found.flashes >= 20
    assert found.worst_ms < 15
    assert found.longest_resume_ms < 300
    # LiveKit passes on a request for a keyframe 0.5 s after the one before.
    assert found.longest_video_ms < (1000 if copies else 300)
    if not copies:
        assert found.missing_at_pauses == 0
