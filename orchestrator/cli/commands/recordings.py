"""`orchestrator recordings`: running and past recordings, from the catalog (needs no server)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from orchestrator.cli.formatting import (
    UNKNOWN,
    AsJson,
    Config,
    duration,
    plain,
    print_json,
    print_table,
    size,
)

if TYPE_CHECKING:
    from orchestrator.catalog.models import Base, Event, File, Recording, Segment
    from orchestrator.catalog.sidecars.model import SidecarFile
    from orchestrator.settings import Settings

app = typer.Typer(help="List recordings, or show one.", no_args_is_help=False)

Limit = Annotated[
    int, typer.Option(min=1, max=10_000, help="Most recordings to list, newest first.")
]
State = Annotated[str | None, typer.Option(help="List only recordings in this state.")]


_FILE: Final = ("part", "at", "duration", "size", "integrity", "SHA-256", "file")
_SIDECAR: Final = ("beside the file", "at", "size", "SHA-256", "file")
_MOST_SIDECARS: Final = 20
"""Of the same kind, in the table."""
_SEGMENT: Final = ("segment", "at", "outcome", "exit", "frames", "file")


@dataclass(frozen=True, slots=True)
class _Details:
    """All rows of one recording in the catalog."""

    recording: Recording
    files: Sequence[File]
    sidecars: Sequence[SidecarFile]
    segments: Sequence[Segment]
    events: Sequence[Event]


@app.callback(invoke_without_command=True)
def _default(
    context: typer.Context,
    limit: Limit = 20,
    state: State = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """List recordings, or show one. Without a command, list."""
    if context.invoked_subcommand is None:
        list_recordings(limit, state, as_json, config)


@app.command("list")
def list_recordings(
    limit: Limit = 20, state: State = None, as_json: AsJson = False, config: Config = None
) -> None:
    """List recordings, newest first."""
    from orchestrator.settings import load_settings

    found, total = asyncio.run(_history(load_settings(config=config), limit, _checked(state)))
    if as_json:
        print_json({"total": total, "recordings": [_as_dict(recording) for recording in found]})
    elif not found:
        print("Nothing has been recorded yet." if state is None else f"None is {state}.")
    else:
        columns = ("id", "stream", "state", "begun", "duration", "size", "file")
        print_table(columns, [_row(recording) for recording in found])
        if total > len(found):
            print(f"{len(found)} of {total}; --limit shows more.")


@app.command("show")
def show_recording(id: str, as_json: AsJson = False, config: Config = None) -> None:
    """Show one recording: its result, files, segments and event log."""
    from orchestrator.settings import load_settings

    one = asyncio.run(_one(load_settings(config=config), id))
    if as_json:
        parts: dict[str, Sequence[Base]] = {"files": one.files, "sidecars": one.sidecars}
        parts |= {"segments": one.segments, "events": one.events}
        rows = {name: [_as_dict(row) for row in found] for name, found in parts.items()}
        print_json(_as_dict(one.recording) | rows)
        return
    print_table(("", ""), _facts(one.recording), head=False)
    if one.files:
        print_table(_FILE, [_file(file) for file in one.files])
    if one.sidecars:
        print_table(_SIDECAR, [_sidecar(row) for row in _first_of_each(one.sidecars)])
    if one.segments:
        print_table(_SEGMENT, [_segment(segment) for segment in one.segments])
    for event in one.events:
        print(f"{_local(event.at)}  {event.kind}: {plain(event.message)}")


async def _history(
    settings: Settings, limit: int, state: str | None
) -> tuple[list[Recording], int]:
    from orchestrator.catalog.store import Catalog

    catalog = Catalog(settings.database_url)
    await catalog.open(migrate=True)
    try:
        return await catalog.history(limit=limit, offset=0, state=state)
    finally:
        await catalog.close()


async def _one(settings: Settings, id: str) -> _Details:
    from orchestrator.catalog.sidecars.table import SidecarFiles
    from orchestrator.catalog.store import Catalog

    catalog = Catalog(settings.database_url)
    await catalog.open(migrate=True)
    try:
        return _Details(
            await catalog.get(id),
            await catalog.files(id),
            await SidecarFiles(catalog).of_recording(id),
            await catalog.segments(id),
            await catalog.events(id),
        )
    finally:
        await catalog.close()


def _checked(state: str | None) -> str | None:
    from orchestrator.errors import InvalidRequest
    from orchestrator.recordings.states import RecordingState

    if state is not None and state not in list(RecordingState):
        raise InvalidRequest(
            f"No such state: {state}.", f"It is one of {', '.join(RecordingState)}."
        )
    return state


def _row(recording: Recording) -> tuple[str, ...]:
    return (
        recording.id,
        recording.stream_id,
        recording.state,
        _local(recording.created_at),
        duration(recording.duration_s),
        size(recording.size_bytes),
        recording.output_path,
    )


def _facts(recording: Recording) -> list[tuple[str, str]]:
    from orchestrator.cli.progress import track_names
    from orchestrator.recordings.notes import notes_of
    from orchestrator.recordings.written import codecs_of

    codecs = f"{' + '.join(codecs_of(recording))} ({recording.pipeline})"
    facts = [
        ("id", recording.id),
        ("stream", recording.stream_id),
        ("state", recording.state),
        ("file", recording.output_path),
        ("encoded" if recording.tracks is None else "copied", codecs),
        ("tracks", ": ".join(filter(None, (recording.tracks, track_names(recording))))),
        ("note", " ".join(notes_of(recording))),
        ("begun", _local(recording.started_at)),
        ("ended", _local(recording.ended_at)),
        ("because", recording.reason or ""),
        ("duration", duration(recording.duration_s)),
        ("size", size(recording.size_bytes)),
        ("error", " ".join(filter(None, (recording.error, recording.detail)))),
    ]
    return [(name, value) for name, value in facts if value]


def _file(file: File) -> tuple[str, ...]:
    return (
        str(file.number),
        duration(file.offset_s),
        duration(file.duration_s),
        size(file.size_bytes),
        " ".join(filter(None, (file.integrity, file.problem))) or UNKNOWN,
        file.sha256 or UNKNOWN,
        file.path,
    )


def _first_of_each(sidecars: Sequence[SidecarFile]) -> Iterator[SidecarFile]:
    """As many of each kind as anybody wants to read; --json has all."""
    seen: Counter[str] = Counter()
    for row in sidecars:
        seen[row.kind] += 1
        if seen[row.kind] <= _MOST_SIDECARS:
            yield row


def _sidecar(row: SidecarFile) -> tuple[str, ...]:
    at = "" if row.at_s is None else duration(row.at_s)
    return (row.kind, at, size(row.size_bytes), row.sha256 or UNKNOWN, row.path)


def _segment(segment: Segment) -> tuple[str, ...]:
    code = "" if segment.returncode is None else str(segment.returncode)
    return (
        str(segment.number),
        duration(segment.offset_s),
        segment.outcome or "running",
        code,
        str(segment.video_frames),
        segment.path,
    )


def _local(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _as_dict(row: Base) -> dict[str, Any]:
    """The row by its columns' names, which are not always the attributes' names."""
    attribute = row.__mapper__.get_property_by_column
    values = {column.name: getattr(row, attribute(column).key) for column in row.__table__.columns}
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}
