"""The steps of a start: each once, in order, and none after one that refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.catalog.models import Recording
from orchestrator.errors import (
    AlreadyActive,
    EndToEndEncrypted,
    HavenError,
    InvalidRequest,
    NoCapacity,
    NoMedia,
    SourceUnreachable,
    StreamNotFound,
    WorkerFailed,
)
from orchestrator.recordings.start_request import StartedBy
from orchestrator.server import recording_start
from tests.kit.catalog.rows import recording
from tests.kit.recordings.starting import REQUEST, Parts, parts_in, start_of


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """An empty catalog and a machine that does nothing."""
    async with parts_in(tmp_path) as parts:
        yield parts


async def test_each_step_is_done_once_and_in_order(parts: Parts, tmp_path: Path) -> None:
    row = await start_of(parts, tmp_path).start(REQUEST)
    assert parts.steps == ["ffmpeg", "active", "find", "capacity", "video", "create", "launch"]
    found = await parts.catalog.get(row.id)
    assert (found.stream_id, found.stream["name"]) == ("room", "A talk")
    assert found.stream["video"] is True
    assert (found.pipeline, found.output_format) == ("mp4", "mp4")
    assert (found.video_quality, found.audio_quality) == ("high", "high")
    assert (found.speed_step, found.speed_pinned) == (2, True)
    assert (found.limits, found.started_by) == ({"max_duration_s": 90.0}, "watch")
    assert found.reserved_cores is not None
    assert Path(found.work_directory).is_dir()
    assert Path(found.output_path).parent == tmp_path
    assert found.state == "recording"


async def test_what_is_checked_asks_no_directory(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no speed step 9"):
        await start_of(parts, tmp_path).start(replace(REQUEST, speed_step=9))
    assert parts.steps == []


async def test_a_stream_that_is_recorded_is_not_looked_for(parts: Parts, tmp_path: Path) -> None:
    await parts.catalog.create(recording("a", "room"))
    parts.steps.clear()
    with pytest.raises(AlreadyActive):
        await start_of(parts, tmp_path).start(REQUEST)
    assert parts.steps == ["ffmpeg", "active"]


async def test_a_stream_that_is_not_live_costs_nothing(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(StreamNotFound):
        await start_of(parts, tmp_path).start(replace(REQUEST, stream_id="other"))
    assert parts.steps == ["ffmpeg", "active", "find"]


async def test_who_is_not_admitted_leaves_nothing(parts: Parts, tmp_path: Path) -> None:
    parts.limit_cores = 0.01
    films = tmp_path / "films"
    films.mkdir()
    with pytest.raises(NoCapacity):
        await start_of(parts, films).start(REQUEST)
    assert "launch" not in parts.steps
    assert list(films.iterdir()) == []
    assert await parts.catalog.active() == []


BUDGET_S = 0.4


class Worker:
    """One that comes late, on a busy machine, and records soon after."""

    def __init__(self, parts: Parts, late_s: float) -> None:
        self._parts, self._late_s = parts, late_s
        self._task: asyncio.Task[None] | None = None

    async def launch(self, row: Recording) -> None:
        """Begins to start."""
        self._task = asyncio.create_task(self._run(row.id))

    async def _run(self, id: str) -> None:
        await asyncio.sleep(self._late_s)
        await self._parts.catalog.add_event(id, "connecting", "It connects.")
        await self._parts.catalog.update(id, state="recording")

    async def close(self) -> None:
        """Nothing of it goes on."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.mark.parametrize(
    ("answers", "by"), [(False, StartedBy.USER), (True, StartedBy.WATCH), (True, StartedBy.USER)]
)
async def test_a_late_worker_costs_its_start_nothing_unless_a_request_waits_for_the_answer(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: bool, by: StartedBy
) -> None:
    worker = Worker(parts, 2 * BUDGET_S)
    monkeypatch.setattr(parts, "launch", worker.launch)
    start = start_of(parts, tmp_path, answers=answers, start_timeout_s=BUDGET_S)
    request = replace(REQUEST, started_by=by)
    if answers and by is StartedBy.USER:
        with pytest.raises(WorkerFailed, match=f"was not there in {BUDGET_S:g} s"):
            await start.start(request)
        assert parts.steps[-1] == "stop: worker_failed"
    else:
        assert (await start.start(request)).state == "recording"
    await worker.close()


async def test_a_worker_that_never_comes_is_waited_for_so_long_and_no_longer(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(parts, 600)
    monkeypatch.setattr(parts, "launch", worker.launch)
    monkeypatch.setattr(recording_start, "WORKER_S", 0.2)
    start = start_of(parts, tmp_path, answers=False, start_timeout_s=60)
    async with asyncio.timeout(30):
        with pytest.raises(WorkerFailed, match=r"was not there in 0\.2 s"):
            await start.start(REQUEST)
    await worker.close()


CONNECTED = [("connecting", ""), ("joined", "")]
MIC = "microphone audio of 'anna' (OPUS)"
LOCKED = "Microphone audio of 'anna' (OPUS) is end-to-end encrypted, and the key is wrong."


@pytest.mark.parametrize(
    ("events", "kind", "words"),
    [
        (CONNECTED[:1], SourceUnreachable, "no connection to the stream came about"),
        (CONNECTED, NoMedia, "nobody published anything"),
        (
            [*CONNECTED, ("published", MIC)],
            NoMedia,
            r"none came of what is published \(microphone audio of 'anna' \(OPUS\)\)",
        ),
        (
            [*CONNECTED, ("published", MIC), ("undecryptable", LOCKED)],
            EndToEndEncrypted,
            "the key is wrong",
        ),
        (
            [*CONNECTED, ("published", MIC), ("undecryptable", LOCKED), ("decrypted", MIC)],
            NoMedia,
            "none came of what is published",
        ),
    ],
)
async def test_the_error_says_how_far_it_came(
    parts: Parts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    events: list[tuple[str, str]],
    kind: type[HavenError],
    words: str,
) -> None:
    async def launch(row: Recording) -> None:
        for name, message in events:
            await parts.catalog.add_event(row.id, name, message, track="TR_a")

    monkeypatch.setattr(parts, "launch", launch)
    start = start_of(parts, tmp_path, start_timeout_s=BUDGET_S)
    with pytest.raises(kind, match=words) as failed:
        await start.start(replace(REQUEST, started_by=StartedBy.USER))
    assert failed.value.error.startswith(f"No frame of room was recorded in {BUDGET_S:g} s")
    assert failed.value.detail
