"""Chapters of a final file: pauses and what participants marked, at their times in that file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.catalog.models import Segment
from orchestrator.catalog.pauses.model import Pause
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.catalog.store import Catalog
from orchestrator.monitor.usage import boot_id
from orchestrator.recordings.room_data.raw_lines import as_line, raw_path
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.finishing.part_chapters import chapters_of_part
from tests.kit.catalog.rows import NOON, recording, segment

S = 1_000_000_000


def written(part: int, from_s: float, to_s: float) -> Segment:
    row = segment("r1", part)
    row.part, row.offset_s, row.end_s = part, from_s, to_s
    return row


async def test_markers_are_in_the_part_that_has_their_time(
    catalog: Catalog, tmp_path: Path
) -> None:
    row = recording("r1", work_directory=str(tmp_path), started_at=NOON, origin_ns=50 * S)
    await catalog.create(row)
    await Pauses(catalog).put(
        Pause(recording_id="r1", number=1, mode="cut", began_at=NOON, at_s=5.0, length_s=2.0)
    )
    path = raw_path(tmp_path, 1)
    path.parent.mkdir()
    marks: list[dict[str, Any]] = [
        {"ns": (50 + at_s) * S, "wall_ms": 0, "type": "chapter", "title": title}
        for at_s, title in ((3, "The vote"), (14, "The end"))
    ]
    lines: list[dict[str, Any]] = [{"boot": boot_id()}, {"origin_ns": 50 * S}, *marks]
    path.write_bytes(b"".join(map(as_line, lines)))
    entry = CatalogEntry(row, catalog)
    first = await chapters_of_part(entry, [written(1, 0.0, 10.0)])
    assert first == [(0.0, "Beginning"), (3.0, "The vote"), (5.0, "After a pause of 2 s")]
    second = await chapters_of_part(entry, [written(2, 10.0, 20.0)])
    assert second == [(0.0, "Beginning"), (2.0, "The end")]
