"""Outputs that a worker makes: what is left, late or fails costs the recording nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.errors import Unavailable
from orchestrator.outputs.specs import ImagesOutput, Output, PushOutput
from orchestrator.recordings.encryption.sealed_text import seal
from orchestrator.recordings.left_outputs import BY_WORKERS, end_all_left
from orchestrator.recordings.output_states import OutputState
from orchestrator.recordings.states import RecordingState
from orchestrator.server.outputs.rows import output_rows
from orchestrator.settings import Settings
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.outputs import output_tasks
from orchestrator.worker.outputs.output_tasks import OutputTasks
from orchestrator.worker.outputs.running_output import RunningOutput
from tests.kit.recordings.sidecars import WithSidecars

Maker = Callable[[RunningOutput], Coroutine[Any, Any, None]]


async def tasks(catalog: Catalog, folder: Path, make: Maker) -> OutputTasks:
    """Of a recording with a push and images; the same makes both."""
    talk = await WithSidecars(catalog, folder / "out").create()
    specs: list[Output] = [
        PushOutput(type="push", url="rtmp://example.org/a/b"),
        ImagesOutput(type="images"),
    ]
    for row in await output_rows(catalog, Settings(), specs, datetime.now(UTC)):
        row.recording_id = "r1"
        await Outputs(catalog).add(row)
    context = cast(Any, SimpleNamespace(catalog=catalog))
    makers = {"push": make, "images": make}
    return OutputTasks(CatalogEntry(talk.row, catalog), context, lambda: None, makers)


async def rows(catalog: Catalog) -> dict[str, OutputRow]:
    return {row.kind: row for row in await Outputs(catalog).of_recording("r1")}


async def until(
    catalog: Catalog,
    reached: Callable[[dict[str, OutputRow]], bool],
    looking: OutputTasks | None = None,
) -> dict[str, OutputRow]:
    """The rows once they are so; `looking` looks all the time meanwhile."""
    async with asyncio.timeout(10):
        while not reached(found := await rows(catalog)):
            if looking is not None:
                looking.look()
            await asyncio.sleep(0.01)
    return found


async def test_what_is_left_is_finished_of_segments_only(catalog: Catalog, tmp_path: Path) -> None:
    async def make(output: RunningOutput) -> None:
        await output.recorded.wait()
        await output.change(OutputState.COMPLETE)

    await (await tasks(catalog, tmp_path, make)).finish_left()
    found = await rows(catalog)
    assert (found["images"].state, found["push"].state) == ("complete", "waiting")


async def test_one_that_takes_too_long_has_failed(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def make(output: RunningOutput) -> None:
        await output.change(OutputState.ACTIVE)
        await asyncio.Event().wait()

    monkeypatch.setattr(output_tasks, "STOP", SimpleNamespace(outputs_s=0.1))
    await (await tasks(catalog, tmp_path, make)).finish_left()
    failed = (await rows(catalog))["images"]
    assert failed.state == "failed"
    assert "took more than 0.1 s" in (failed.error or "")


@pytest.mark.parametrize("damage", ["damaged", "of another version"])
async def test_one_that_cant_be_read_fails_and_costs_the_others_nothing(
    catalog: Catalog, tmp_path: Path, damage: str
) -> None:
    async def make(output: RunningOutput) -> None:
        await output.change(OutputState.COMPLETE)

    made = await tasks(catalog, tmp_path, make)
    spec = damage if damage == "damaged" else await seal(catalog, '{"type": "geheim"}')
    await Outputs(catalog).change((await rows(catalog))["push"].id, spec=spec)
    async with made.running():
        found = await until(catalog, lambda row: row["images"].state == "complete")
    assert found["push"].state == "failed"
    assert "can't be read" in (found["push"].error or "")
    (event,) = [line for line in await catalog.events("r1") if line.kind == "output"]
    assert event.data["to"] == "failed"
    assert "geheim" not in event.message


async def test_one_that_raised_is_not_begun_again(catalog: Catalog, tmp_path: Path) -> None:
    begun: list[str] = []

    async def make(output: RunningOutput) -> None:
        begun.append(output.spec.type)
        raise ValueError("fault")

    made = await tasks(catalog, tmp_path, make)
    async with made.running():
        ended = await until(catalog, lambda rows: all(row.ended_at for row in rows.values()), made)
        made.look()
        await until(catalog, lambda _: not made._look_now.is_set())
    assert sorted(begun) == ["images", "push"]
    assert {row.error for row in ended.values()} == {"ValueError: fault"}


async def test_one_that_is_tried_again_by_request_and_fails_says_so_and_waits_once_more(
    catalog: Catalog, tmp_path: Path
) -> None:
    tried: list[str] = []

    async def make(output: RunningOutput) -> None:
        while output.spec.type == "push":
            tried.append(output.state)
            output.again.clear()
            await output.change(OutputState.RETRYING, attempts=len(tried))
            await output.again.wait()

    made = await tasks(catalog, tmp_path, make)
    async with made.running():
        first = await until(catalog, lambda rows: rows["push"].state == "retrying", made)
        await Outputs(catalog).change(first["push"].id, state=OutputState.WAITING)
        second = await until(catalog, lambda rows: rows["push"].attempts == 2, made)
        assert second["push"].state == "retrying"
        made.look()
        await until(catalog, lambda _: not made._look_now.is_set())
        await made._look_at((await rows(catalog))["push"])
        await asyncio.sleep(0)
    assert tried == ["waiting", "waiting"]


async def test_a_row_that_cant_be_looked_at_costs_the_others_nothing(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def make(output: RunningOutput) -> None:
        await output.change(OutputState.COMPLETE)

    made = await tasks(catalog, tmp_path, make)
    begin, faults = made._begin, [RuntimeError("fault"), Unavailable("busy")]

    async def faulty(row: OutputRow) -> None:
        if row.kind == "push" and faults:
            raise faults.pop()
        await begin(row)

    monkeypatch.setattr(made, "_begin", faulty)
    async with made.running():
        await until(catalog, lambda rows: rows["images"].state == "complete")
        await until(catalog, lambda rows: rows["push"].state == "complete", made)
    assert faults == []


async def test_looks_go_on_after_a_fault(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def make(output: RunningOutput) -> None:
        await output.change(OutputState.COMPLETE)

    made = await tasks(catalog, tmp_path, make)
    read, faults = made._table.of_recording, [RuntimeError("fault")]

    async def faulty(id: str) -> list[OutputRow]:
        if faults:
            raise faults.pop()
        return await read(id)

    monkeypatch.setattr(made._table, "of_recording", faulty)
    async with made.running():
        await until(catalog, lambda rows: rows["push"].state == "complete", made)


async def test_what_is_open_when_the_recording_has_ended_has_failed(
    catalog: Catalog, tmp_path: Path
) -> None:
    async def make(output: RunningOutput) -> None:
        raise AssertionError(output)

    made = await tasks(catalog, tmp_path, make)
    push, images = (await rows(catalog))["push"], (await rows(catalog))["images"]
    await Outputs(catalog).change(push.id, state="retrying", error="It is away.")
    await Outputs(catalog).change(images.id, wanted="remove")
    made._entry.state = RecordingState.RECORDING
    await made.end_left()
    assert (await rows(catalog))["push"].state == "retrying"
    made._entry.state = RecordingState.COMPLETED
    await made.end_left()
    found = await rows(catalog)
    assert (found["push"].state, found["images"].state) == ("failed", "removed")
    assert found["push"].error == "The recording ended before this output did."
    assert "It is away." in (found["push"].detail or "")
    assert len([line for line in await catalog.events("r1") if line.kind == "output"]) == 2


@pytest.mark.parametrize(("state", "left"), [("recording", "active"), ("failed", "failed")])
async def test_a_server_ends_what_is_open_of_ended_recordings_only(
    catalog: Catalog, tmp_path: Path, state: str, left: str
) -> None:
    async def make(output: RunningOutput) -> None:
        raise AssertionError(output)

    await tasks(catalog, tmp_path, make)
    await catalog.update("r1", state=state)
    for row in (await rows(catalog)).values():
        await Outputs(catalog).change(row.id, state="active")
    await end_all_left(catalog)
    assert {row.state for row in (await rows(catalog)).values()} == {left}


def test_the_kinds_that_workers_make_are_known() -> None:
    assert output_tasks.MAKERS.keys() == BY_WORKERS
