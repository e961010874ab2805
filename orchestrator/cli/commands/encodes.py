"""`orchestrator encodes`: the queue of recordings that are encoded again, from the catalog.

It needs no server; one that runs looks twice a second at what was asked for here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

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
from orchestrator.cli.open_catalog import with_catalog

if TYPE_CHECKING:
    from orchestrator.catalog.encode_model import Encode
    from orchestrator.catalog.encodes import Encodes

app = typer.Typer(
    help="List encodes of recordings, show or cancel one, pause the queue.", no_args_is_help=False
)

Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Most encodes to list, newest first.")]
State = Annotated[str | None, typer.Option(help="List only encodes in this state.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="An encode's id.")]

_T = TypeVar("_T")


@app.callback(invoke_without_command=True)
def _default(
    context: typer.Context,
    limit: Limit = 20,
    state: State = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """List encodes of recordings, show or cancel one, pause the queue. Without a command, list."""
    if context.invoked_subcommand is None:
        list_encodes(limit, state, as_json, config)


@app.command("list")
def list_encodes(
    limit: Limit = 20, state: State = None, as_json: AsJson = False, config: Config = None
) -> None:
    """List encodes, newest first."""
    wanted = _checked(state)

    async def read(table: Encodes) -> tuple[list[Encode], int, bool | None]:
        return *await table.page(limit=limit, offset=0, state=wanted), await table.paused()

    found, total, paused = _with_table(read, config)
    if as_json:
        print_json({"total": total, "paused": paused, "encodes": [_as_dict(row) for row in found]})
        return
    if not found:
        print("Nothing has been encoded again yet." if state is None else f"None is {state}.")
    else:
        columns = ("id", "recording", "state", "done", "left", "pipeline", "queued")
        print_table(columns, [_row(row) for row in found])
        if total > len(found):
            print(f"{len(found)} of {total}; --limit shows more.")
    if paused:
        print("The queue is paused; `orchestrator encodes resume` has it go on.")


@app.command("show")
def show_encode(id: Id, as_json: AsJson = False, config: Config = None) -> None:
    """Show one encode: how far it is, or what came of it."""
    row = _with_table(lambda table: table.get(id), config)
    if as_json:
        print_json(_as_dict(row))
    else:
        print_table(("", ""), _facts(row), head=False)


@app.command("cancel")
def cancel_encode(id: Id, config: Config = None) -> None:
    """Cancel an encode; the recording stays as it is."""

    async def cancel(table: Encodes) -> str:
        await table.cancel(id)
        return (await table.get(id)).state

    state = _with_table(cancel, config)
    if state == "cancelled":
        print(f"Encode {plain(id)} is cancelled.")
    elif state in ("completed", "failed"):
        print(f"Encode {plain(id)} has {state} already.")
    else:
        print(f"Encode {plain(id)} is being cancelled: the server ends it and removes its files.")


@app.command("pause")
def pause_queue(config: Config = None) -> None:
    """Pause the queue until it is resumed; what runs keeps its finished chunks."""
    _with_table(lambda table: table.pause(paused=True), config)
    print("The queue is paused.")


@app.command("resume")
def resume_queue(config: Config = None) -> None:
    """Have the queue go on, whatever the setting encode_queue says."""
    _with_table(lambda table: table.pause(paused=False), config)
    print("The queue goes on, while a server runs.")


def _with_table(work: Callable[[Encodes], Awaitable[_T]], config: Config) -> _T:
    from orchestrator.catalog.encodes import Encodes

    return with_catalog(lambda _, catalog: work(Encodes(catalog)), config)


def _checked(state: str | None) -> str | None:
    from orchestrator.errors import InvalidRequest
    from orchestrator.recordings.encodes.states import EncodeState

    if state is not None and state not in list(EncodeState):
        raise InvalidRequest(f"No such state: {state}.", f"It is one of {', '.join(EncodeState)}.")
    return state


def _row(row: Encode) -> tuple[str, ...]:
    progress = row.progress or {}
    return (
        row.id,
        row.recording_id,
        row.state,
        f"{progress['share']:.0%}" if progress else UNKNOWN,
        duration(progress.get("left_s")),
        row.request["pipeline"],
        f"{row.created_at.astimezone():%Y-%m-%d %H:%M:%S}",
    )


def _facts(row: Encode) -> list[tuple[str, str]]:
    progress = row.progress or {}
    facts = [
        ("id", row.id),
        ("recording", row.recording_id),
        ("state", row.state),
        (
            "asked for",
            ", ".join(f"{k} {v}" for k, v in row.request.items() if v not in (None, False)),
        ),
        ("stage", progress.get("stage", "")),
        ("done", f"{progress['share']:.0%}" if progress else ""),
        ("left", duration(progress["left_s"]) if progress.get("left_s") is not None else ""),
        ("error", " ".join(filter(None, (row.error, row.detail)))),
    ]
    for number, file in row.result.items():
        share = f"{size(file['output_bytes'])} of {size(file['source_bytes'])}"
        facts.append((f"part {number}", f"{share}: {file['output']}"))
        facts.append(("left out", ", ".join(file["left_out"] or ())))
    return [(name, value) for name, value in facts if value]


def _as_dict(row: Encode) -> dict[str, Any]:
    """As the API gives it."""
    from orchestrator.api.serializers import encodes as serialize

    return serialize.info(row).model_dump(mode="json")
