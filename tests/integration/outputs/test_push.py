"""Pushes of real recordings to real receivers: what arrives is decoded and compared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from orchestrator.catalog.models import Recording
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.outputs.specs import PushOutput
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.manager import Manager
from orchestrator.settings import Settings
from orchestrator.settings.groups.streams import StreamSettings
from tests.kit.managing import managing
from tests.kit.ports import free_port
from tests.kit.pushes.receivers import receiving
from tests.kit.recordings.waits import until_duration
from tests.kit.signals.reading import Reading, read
from tests.kit.sources.url_sender import Film

pytestmark = pytest.mark.real_time

KEY = "a-push-key-nobody-may-see"
NEAR_S = 0.015

Managed = Callable[..., AbstractAsyncContextManager[Manager]]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of numbered frames, and of beeps."""
    return Film().make(tmp_path_factory.mktemp("film") / "film.mkv")


@pytest.fixture
def managed(tmp_path: Path, film: Path) -> Managed:
    """A manager that knows the stream "studio", a film that is played."""

    @asynccontextmanager
    async def manage(**changes: Any) -> AsyncIterator[Manager]:
        settings = Settings(
            output_directory=tmp_path,
            database_url=f"sqlite:///{tmp_path / 'catalog.db'}",
            discovery=["demo"],
            streams={"studio": StreamSettings.model_validate({"url": f"file://{film}"})},
            **({"allow_private_targets": True} | changes),
        )
        async with managing(settings) as manager:
            yield manager

    return manage


def asked(*urls: str, pipeline: str | None = None, output_format: str = "mp4") -> StartRequest:
    """For the film with these pushes."""
    outputs = tuple(PushOutput(type="push", url=SecretStr(url)) for url in urls)
    return StartRequest("studio", output_format, pipeline, outputs=outputs)


async def until_output(
    manager: Manager, recording: Recording, reached: Callable[[OutputRow], bool], number: int = 0
) -> OutputRow:
    """Waits until an output is as wanted."""
    row = None
    try:
        async with asyncio.timeout(40):
            while True:
                row = (await manager.outputs.of_recording(recording.id))[number]
                if reached(row):
                    return row
                await asyncio.sleep(0.05)
    except TimeoutError:
        log = [p.read_text() for p in Path(recording.work_directory).glob("push*.log")]
        seen = row and (row.state, row.error, row.detail, row.figures)
        raise AssertionError((seen, log)) from None


def pushing_commands() -> list[str]:
    """The command lines of the ffmpegs that push, as any user sees them."""
    lines = [" ".join(each.cmdline()) for each in psutil.Process().children(recursive=True)]
    return [line for line in lines if line.endswith("$PUSH_TARGET")]


def check(received: Path, recorded: Reading) -> Reading:
    """Every frame since it was connected, once and in order, A/V as in the recording."""
    reading = read(received)
    first = reading.numbers[0]
    assert reading.numbers == list(range(first, first + len(reading.codes)))
    steps = [b - a for (a, _), (b, _) in pairwise(reading.codes)]
    assert max(steps) - min(steps) < 0.0035, "FLV counts milliseconds"
    assert reading.audio_gaps == 0
    assert len(reading.offsets_s) >= 2
    assert max(map(abs, reading.offsets_s)) < NEAR_S + max(map(abs, recorded.offsets_s))
    return reading


async def test_a_recording_is_pushed_to_rtmp_as_it_is(managed: Managed, tmp_path: Path) -> None:
    port = free_port()
    url = f"rtmp://127.0.0.1:{port}/live/room/{KEY}"
    async with managed() as manager, receiving(url, tmp_path / "received.mkv") as receiver:
        started = await manager.start(asked(url))
        row = await until_output(manager, started, lambda r: r.figures.get("fps") is not None)
        assert row.state == "active"
        commands = pushing_commands()
        await until_duration(manager, "studio", 4)
        log = "".join(p.read_text() for p in Path(started.work_directory).glob("push*.log"))
        ended = await manager.stop("studio")
        await receiver.ended()
        (row,) = await manager.outputs.of_recording(started.id)
        events = await manager.catalog.events(started.id)
    recorded = read(Path(ended.output_path))
    received = check(receiver.path, recorded)
    assert (row.state, row.error, row.attempts) == ("complete", None, 0)
    assert row.figures["encodes"] == []
    assert received.numbers[-1] == recorded.numbers[-1]
    assert len(commands) == 1
    for text in (*commands, log, str(row.shown), *(event.message for event in events)):
        assert KEY not in text
    assert b"Unexpected stream" not in receiver.said


@pytest.mark.all_only
async def test_a_server_that_is_away_is_tried_again_and_one_may_be_added_and_removed(
    managed: Managed, tmp_path: Path
) -> None:
    port, other_port = free_port(), free_port()
    url, other = (f"rtmp://127.0.0.1:{each}/live/{KEY}" for each in (port, other_port))
    async with managed() as manager:
        started = await manager.start(asked(url))
        row = await until_output(manager, started, lambda r: r.state == "retrying")
        assert row.error is not None
        assert "the connection is refused" in row.error
        assert row.next_try_at is not None
        async with receiving(url, tmp_path / "first.mkv") as first:
            await until_output(manager, started, lambda r: r.state == "active")
            added = await manager.outputs.add(
                started.id, PushOutput(type="push", url=SecretStr(other))
            )
            async with receiving(other, tmp_path / "other.mkv") as second:
                row = await until_output(manager, started, lambda r: r.state == "active", 1)
                await until_duration(manager, "studio", 6)
                await manager.outputs.remove(started.id, added.id)
                await until_output(manager, started, lambda r: r.state == "removed", 1)
                await second.ended()
            await first.kill()
            await until_output(manager, started, lambda r: r.state == "retrying")
        async with receiving(url, tmp_path / "again.mkv") as again:
            row = await until_output(manager, started, lambda r: r.state == "active")
            assert (row.error, row.next_try_at) == (None, None)
            await manager.stop("studio")
            await again.ended()
        row, removed = await manager.outputs.of_recording(started.id)
        ended = await manager.catalog.get(started.id)
        states = [e.message for e in await manager.catalog.events(started.id) if e.kind == "output"]
    recorded = read(Path(ended.output_path))
    assert recorded.in_order_and_once
    assert recorded.missing == 0
    assert (row.state, row.figures["reconnects"], removed.state) == ("complete", 1, "removed")
    assert any("waiting -> retrying: The push to" in each for each in states), states
    assert read(again.path).numbers[-1] == recorded.numbers[-1]
    others = read(second.path)
    assert others.numbers[0] > 0
    assert others.missing == 0
