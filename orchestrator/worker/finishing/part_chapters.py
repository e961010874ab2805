"""The chapters of one final file, from what the catalog has of its recording."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.catalog.models import Segment
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.encoding.joining.chapters import Chapters
from orchestrator.recordings.chapters import chapters_of
from orchestrator.worker.catalog_entry import CatalogEntry
from orchestrator.worker.finishing import room_data


async def chapters_of_part(entry: CatalogEntry, segments: Sequence[Segment]) -> Chapters:
    """Those of the file that is made of these segments; a file without any isn't written anew."""
    table, id = Pauses(entry.catalog), entry.recording.id
    pauses = await entry.with_retries("the pauses", lambda: table.of_recording(id))
    offset_s = segments[0].offset_s
    end_s, marked = offset_s + length_s(segments), await room_data.markers(entry)
    made = chapters_of(pauses, offset_s=offset_s, end_s=end_s, markers=marked)
    return [(chapter.start_s, chapter.title) for chapter in made]


def length_s(segments: Sequence[Segment]) -> float:
    """Of what was recorded, as far as it is known."""
    return max((s.end_s for s in segments if s.end_s), default=0.0) - segments[0].offset_s
