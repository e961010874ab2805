"""The table of outputs: which are of interest while something runs."""

from __future__ import annotations

from orchestrator.catalog.outputs.table import Outputs
from orchestrator.catalog.store import Catalog
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
