"""Outputs that a worker makes: what is left, late or fails costs the recording nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.outputs.specs import ImagesOutput, Output, PushOutput
from orchestrator.recordings.output_states import OutputState
from orchestrator.server.outputs.rows import output_rows
from orchestrator.settings import Settings
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.outputs import output_tasks
from orchestrator.worker.outputs.output_tasks import OutputTasks
from orchestrator.worker.outputs.running_output import RunningOutput
from tests.kit.recordings.sidecars import WithSidecars

Maker = Callable[[RunningOutput], Awaitable[None]]


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


async def test_one_that_cant_be_read_raises_nothing(catalog: Catalog, tmp_path: Path) -> None:
    async def make(output: RunningOutput) -> None:
        raise AssertionError(output)

    made = await tasks(catalog, tmp_path, make)
    await Outputs(catalog).change((await rows(catalog))["images"].id, spec="damaged")
    await made.finish_left()
