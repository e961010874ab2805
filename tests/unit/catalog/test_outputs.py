"""The table of outputs: which are of interest while something runs."""

from __future__ import annotations

import pytest

from orchestrator.catalog.outputs import table as outputs_table
from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
from orchestrator.errors import TooManyOutputs
from orchestrator.outputs.specs import HlsOutput
from orchestrator.server.outputs.rows import output_rows
from orchestrator.settings import Settings
from tests.kit.catalog.rows import NOON, recording


async def test_current_ones(catalog: Catalog) -> None:
    """Those that haven't ended, and all of recordings that run."""
    table = Outputs(catalog)
    for id, state in (("done", "completed"), ("runs", "recording")):
        await catalog.create(recording(id, stream_id=id, state=state))
        for ends in ("complete", None):
            (row,) = await output_rows(catalog, Settings(), [HlsOutput(type="hls")], NOON)
            row.recording_id, name = id, f"{id}-{ends}"
            row.id = name
            await table.add(row)
            if ends:
                await table.change(name, state=ends)
    assert [row.id for row in await table.current()] == [
        "done-None",
        "runs-complete",
        "runs-None",
    ]
    assert [row.id for row in await table.current(limit=1)] == ["runs-None"]
    assert await table.counts() == {("hls", "complete"): 2, ("hls", "waiting"): 2}


async def test_those_that_have_ended_are_counted_too(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs_table, "MOST_EVER", 2)
    table = Outputs(catalog)
    await catalog.create(recording("r1"))
    for number in (1, 2, 3):
        (row,) = await output_rows(catalog, Settings(), [HlsOutput(type="hls")], NOON)
        row.recording_id, row.id = "r1", f"o{number}"
        if number == 3:
            with pytest.raises(TooManyOutputs):
                await table.add(row)
            return
        await table.add(row)
        await table.change(row.id, state="complete")
