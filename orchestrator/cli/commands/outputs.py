"""`orchestrator outputs`: what becomes of a recording besides its file, from the catalog.

It needs no server; the recording's worker, and a server that runs, see what was asked for here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from orchestrator.cli.formatting import (
    UNKNOWN,
    AsJson,
    Config,
    plain,
    print_json,
    print_table,
    size,
)
from orchestrator.cli.named_outputs import HOW
from orchestrator.cli.open_catalog import wake_worker, with_catalog

if TYPE_CHECKING:
    from orchestrator.catalog.outputs.model import OutputRow
    from orchestrator.catalog.store import Catalog
    from orchestrator.server.outputs.recording_outputs import RecordingOutputs
    from orchestrator.settings import Settings

app = typer.Typer(
    help="List the outputs of a recording, add, remove or retry one.", no_args_is_help=True
)

Id = Annotated[str, typer.Argument(metavar="ID", help="A recording's id.")]
OutputId = Annotated[
    str, typer.Argument(metavar="OUTPUT", help="An output's id, or its number in the list.")
]
Output = Annotated[str, typer.Argument(metavar="OUTPUT", help=HOW)]

_T = TypeVar("_T")


@app.command("list")
def list_outputs(id: Id, as_json: AsJson = False, config: Config = None) -> None:
    """List the outputs of a recording, in the order in which they were asked for."""
    rows = _with_outputs(lambda outputs: outputs.of_recording(id), config)
    if as_json:
        print_json([_as_dict(row) for row in rows])
    elif not rows:
        print(f"Recording {plain(id)} has no outputs.")
    else:
        columns = ("number", "id", "type", "state", "where", "sent", "next try", "error")
        print_table(columns, [_row(row) for row in rows])


@app.command("add")
def add_output(id: Id, output: Output, as_json: AsJson = False, config: Config = None) -> None:
    """Add an output to a recording that runs; to one that has ended, an upload."""
    from orchestrator.cli.named_outputs import read_named

    asked = read_named(output)
    row = _with_outputs(lambda outputs: outputs.add(id, asked), config)
    _say(row, "is added", as_json)


@app.command("remove")
def remove_output(id: Id, output: OutputId, as_json: AsJson = False, config: Config = None) -> None:
    """End an output; what it made so far stays, and the recording goes on."""

    async def remove(outputs: RecordingOutputs) -> OutputRow:
        return await outputs.remove(id, await _id_of(outputs, id, output))

    _say(_with_outputs(remove, config), "is removed", as_json)


@app.command("retry")
def retry_output(id: Id, output: OutputId, as_json: AsJson = False, config: Config = None) -> None:
    """Try an output at once that failed or waits for its next try."""

    async def retry(outputs: RecordingOutputs) -> OutputRow:
        return await outputs.retry(id, await _id_of(outputs, id, output))

    _say(_with_outputs(retry, config), "is tried again", as_json)


async def _id_of(outputs: RecordingOutputs, recording_id: str, named: str) -> str:
    """The id of an output that is named by its number; of one that is named by its id, that."""
    rows = await outputs.of_recording(recording_id)
    return next((row.id for row in rows if str(row.number) == named), named)


def _with_outputs(work: Callable[[RecordingOutputs], Awaitable[_T]], config: Config) -> _T:
    from orchestrator.server.encoders import Encoders
    from orchestrator.server.outputs.recording_outputs import RecordingOutputs

    async def with_outputs(settings: Settings, catalog: Catalog) -> _T:
        # Who runs this may name any target.
        settings = settings.model_copy(update={"allow_private_targets": True})
        encoders = Encoders(settings, catalog)
        await encoders.load()
        return await work(RecordingOutputs(settings, catalog, encoders, wake_worker))

    return with_catalog(with_outputs, config)


def _say(row: OutputRow, what: str, as_json: bool) -> None:
    if as_json:
        print_json(_as_dict(row))
    else:
        print(f"Output {row.number} of {row.recording_id} ({row.kind}, {row.id}) {what}.")


def _row(row: OutputRow) -> tuple[str, ...]:
    from orchestrator.api.serializers.outputs import sent_bytes

    sent = sent_bytes(row)
    return (
        str(row.number),
        row.id,
        row.kind,
        row.state,
        str(row.shown.get("url") or ""),
        UNKNOWN if sent is None else size(sent),
        f"{row.next_try_at.astimezone():%H:%M:%S}" if row.next_try_at else UNKNOWN,
        " ".join(filter(None, (row.error, row.detail))) or UNKNOWN,
    )


def _as_dict(row: OutputRow) -> dict[str, Any]:
    """As the API gives it."""
    from orchestrator.api.serializers import outputs as serialize

    return serialize.info(row).model_dump(mode="json")
