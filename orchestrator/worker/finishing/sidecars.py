"""At the end of a recording its sidecars get beside its file. What fails never fails the recording:
it is an event, and the sidecars are kept in the work folder.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import structlog

from orchestrator.errors import HavenError
from orchestrator.file_access import FileAccess
from orchestrator.recordings.sidecars.publishing import (
    Published,
    forget_unpublished,
    publish_sidecars,
)
from orchestrator.worker.catalog_entry import CatalogEntry

log = structlog.get_logger(__name__)


async def publish(entry: CatalogEntry, output: Path, access: FileAccess) -> bool:
    """Whether none is left in the work folder. `output`: the recording's first file."""
    try:
        published = await publish_sidecars(entry.catalog, entry.recording, output, access)
    except (HavenError, OSError) as error:
        problem = error.error if isinstance(error, HavenError) else str(error)
        _note_problem(entry, [problem])
        return False
    _note(entry, published)
    return not published.problems


async def forget(entry: CatalogEntry) -> None:
    """Nothing was recorded: the work folder goes, and its sidecars with it."""
    try:
        await forget_unpublished(entry.catalog, entry.recording)
    except HavenError as error:
        log.warning("sidecars that are gone stay listed", error=error.error)


def _note(entry: CatalogEntry, published: Published) -> None:
    if published.problems:
        _note_problem(entry, published.problems)
    if published.lost:
        names = ", ".join(published.lost[:5])
        entry.note("sidecars", f"Somebody has deleted {names}.", lost=published.lost[:100])
    if published.moved:
        counts = Counter(row.kind for row in published.moved.values())
        entry.note(
            "sidecars", f"Beside the file: {_listed(counts)}.", **{"published": dict(counts)}
        )


def _note_problem(entry: CatalogEntry, problems: list[str]) -> None:
    work = entry.recording.work_directory
    log.warning("sidecars can't be published", problems=problems[:5])
    entry.note(
        "sidecars",
        f"Files beside the recording's can't be published; they are kept in {work}:"
        f" {'; '.join(problems[:5])}.",
        problems=problems[:100],
    )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
