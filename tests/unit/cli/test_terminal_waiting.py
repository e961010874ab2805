"""A recording on the terminal that waits: for a stream, or for an unmute."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.errors import (
    InvalidRequest,
    NoMedia,
    SourceUnreachable,
    StoppedWhileStarting,
    StreamNotFound,
)
from orchestrator.recordings.start_request import StartRequest
from tests.kit.terminal import Memory, press, running, until_recording, within


async def test_a_stream_is_waited_for(manager: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    start = manager.start
    reasons = [StreamNotFound("room"), StreamNotFound("room"), NoMedia("Nobody publishes.")]

    async def later(request: StartRequest) -> Recording:
        if reasons:
            raise reasons.pop(0)
        return await start(request)

    manager.start = later  # type: ignore[method-assign]
    task = running(manager, wait_s=0.01)
    await until_recording(manager)
    manager.state = "completed"
    assert (await within(task)).state == "completed"
    printed = capsys.readouterr().err
    assert printed.count("not live for mint_id: room Waiting") == 1, "the same isn't said twice"
    assert "Nobody publishes. Waiting" in printed


async def test_a_signal_ends_the_wait(manager: Memory) -> None:
    looked = asyncio.Event()

    async def never(request: StartRequest) -> Recording:
        looked.set()
        raise StreamNotFound("room")

    manager.start = never  # type: ignore[method-assign]
    task = running(manager, wait_s=3600)
    await looked.wait()
    press()
    with pytest.raises(StoppedWhileStarting, match="while waiting"):
        await within(task)


async def test_what_waiting_does_not_change_is_reported_at_once(manager: Memory) -> None:
    async def refused(request: StartRequest) -> Recording:
        raise InvalidRequest("Unknown output_format: 'avi'")

    manager.start = refused  # type: ignore[method-assign]
    with pytest.raises(InvalidRequest):
        await within(running(manager, wait_s=3600))


async def test_everybody_muted_is_waited_for_and_the_unmute_begins(
    manager: Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    manager.muted = True
    task = running(manager, wait_s=3600)
    while not manager.starts:
        await asyncio.sleep(0)
    manager.unmuted.set()
    await until_recording(manager)
    manager.state = "completed"
    assert (await within(task)).state == "completed"
    assert manager.starts == 2
    assert "is muted. Waiting for the unmute" in " ".join(capsys.readouterr().err.split())


async def test_a_signal_ends_the_wait_for_the_unmute(manager: Memory) -> None:
    manager.muted = True
    task = running(manager, wait_s=3600)
    while not manager.starts:
        await asyncio.sleep(0)
    press()
    with pytest.raises(StoppedWhileStarting):
        await within(task)


async def test_a_door_that_can_not_be_waited_at_is_no_end(manager: Memory) -> None:
    manager.muted, manager.door = True, SourceUnreachable("Nothing answers.")
    task = running(manager, wait_s=0.01)
    manager.unmuted.set()
    while manager.starts < 3:
        await asyncio.sleep(0.001)
    manager.door = None
    await until_recording(manager)
    manager.state = "completed"
    assert (await within(task)).state == "completed"
