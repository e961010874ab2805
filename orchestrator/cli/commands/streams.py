"""`orchestrator streams`: what is live, what is in one stream, and streams with names of their own.

Those are added and removed in the catalog; a server that runs takes them in within seconds.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Annotated, Final, TypeVar
from urllib.parse import quote

import typer

from orchestrator.cli.formatting import UNKNOWN, AsJson, Config, plain, print_json, print_table

if TYPE_CHECKING:
    from orchestrator.api.schemas.streams import StreamDetails
    from orchestrator.discovery.directory import Directory
    from orchestrator.media import Stream
    from orchestrator.server.streams.named_streams import NamedStreams
    from orchestrator.settings import Settings
    from orchestrator.settings.groups.streams import StreamSettings

app = typer.Typer(
    help="List live streams, show, add or remove one with a name of its own.",
    no_args_is_help=False,
)

Limit = Annotated[int, typer.Option(min=1, max=1000, help="Most streams to list.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="A stream's id.")]
Address = Annotated[
    str | None,
    typer.Argument(
        metavar="ADDRESS",
        help="Where it comes from: whep+https://…, rtmp://…, srt://…, rtsp://…, file:///…",
    ),
]
Name = Annotated[str | None, typer.Option(help="For people, and for file names. [default: its id]")]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file", metavar="FILE", help="File with a bearer token, or set WHEP_TOKEN."
    ),
]
UrlFile = Annotated[
    Path | None,
    typer.Option(
        "--url-file",
        metavar="FILE",
        help="File with the ADDRESS, which may have a key or password; - for standard input.",
    ),
]
Whip = Annotated[
    bool, typer.Option("--whip", help="It is published here (WHIP), with a key of its own.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="File with that key, - for standard input; without it one is made, and shown once.",
    ),
]

KEY_BYTES: Final = 24
"""Random ones of a key that is made."""

_T = TypeVar("_T")


@app.callback(invoke_without_command=True)
def _default(
    context: typer.Context, limit: Limit = 20, as_json: AsJson = False, config: Config = None
) -> None:
    """List live streams, show, add or remove one with a name of its own. Without a command, list.

    Those with the most participants come first; those with names of their own are listed always.
    """
    if context.invoked_subcommand is None:
        list_streams(limit, as_json, config)


@app.command("list")
def list_streams(limit: Limit = 20, as_json: AsJson = False, config: Config = None) -> None:
    """List live streams, those with the most participants first."""

    from orchestrator.settings import load_settings

    streams = asyncio.run(_live(load_settings(config=config), limit))
    if as_json:
        print_json([asdict(stream) for stream in streams])
    elif streams:
        columns = ("stream", "name", "live", "watching", "from")
        print_table(columns, [_row(stream) for stream in streams])
    else:
        print("Nothing is live now.")


@app.command("show")
def show_stream(id: Id, as_json: AsJson = False, config: Config = None) -> None:
    """Show who publishes what in a stream, and whether it can be recorded; if not, why."""
    from orchestrator.cli.stream_facts import facts, track_rows
    from orchestrator.settings import load_settings

    shown = asyncio.run(_details(load_settings(config=config), id))
    if as_json:
        print_json(shown.model_dump(mode="json"))
        return
    print_table(("", ""), facts(shown), head=False)
    if shown.published:
        columns = ("who", "what", "codec", "size", "muted", "encrypted", "recorded")
        print_table(columns, track_rows(shown.published))


@app.command("add")
def add_stream(
    id: Id,
    address: Address = None,
    name: Name = None,
    token_file: TokenFile = None,
    url_file: UrlFile = None,
    whip: Whip = False,
    key_file: KeyFile = None,
    config: Config = None,
) -> None:
    """Add a stream with a name of its own, which can be recorded, watched and listed by its id.

    Every user of this machine sees an ADDRESS with its key or password: use --url-file for one.
    """
    from orchestrator.cli.stream_address import checked, read_secret, read_token
    from orchestrator.stream_ids import check_own_id

    if sum((address is not None, url_file is not None, whip)) != 1:
        raise typer.BadParameter("give an ADDRESS, --url-file or --whip")
    if key_file is not None and not whip:
        raise typer.BadParameter("a key is of use with --whip", param_hint="--key-file")
    check_own_id(id)
    token, key = read_token(token_file), None
    if whip:
        key = read_secret(key_file, "key", "--key-file") if key_file else token_urlsafe(KEY_BYTES)
        defined = checked(whip=key, name=name, token=token)
    else:
        defined = _at(address, url_file, name=name, token=token)
    _with_streams(lambda named: named.add(id, defined, by_command=True), config)
    print(f"Stream {plain(id)} is added: `orchestrator record {plain(id)}` records it.")
    if whip:
        print(f"Publish it to /whip/{quote(id)} of the server, with its key as bearer token.")
    if key is not None and key_file is None:
        print(f"Its key, which is not shown again: {key}")


def _at(address: str | None, url_file: Path | None, **more: str | None) -> StreamSettings:
    """The stream at an address, which may be in a file."""
    from orchestrator.cli.stream_address import SCHEMES, defined_by, read_secret

    if url_file is not None:
        address = read_secret(url_file, "address", "--url-file")
    if address is None or not address.startswith(SCHEMES):
        hint = "ADDRESS" if url_file is None else "--url-file"
        raise typer.BadParameter(f"it begins with {' or '.join(SCHEMES)}", param_hint=hint)
    return defined_by(address, **more)[1]


@app.command("remove")
def remove_stream(id: Id, config: Config = None) -> None:
    """Remove a stream that was added; its recordings stay."""
    _with_streams(lambda named: named.remove(id), config)
    print(f"Stream {plain(id)} is removed.")


def _with_streams(work: Callable[[NamedStreams], Awaitable[_T]], config: Config) -> _T:
    """For what changes the catalog."""
    from orchestrator import logs
    from orchestrator.discovery.directory import Directory
    from orchestrator.settings import load_settings

    settings = load_settings(config=config)
    logs.configure("warning", settings.log_format)

    async def run() -> _T:
        directory = Directory.from_settings(settings)
        async with _named(settings, directory) as named:
            return await work(named)

    return asyncio.run(run())


async def _live(settings: Settings, limit: int) -> list[Stream]:
    from orchestrator.discovery.directory import Directory

    directory = Directory.from_settings(settings)
    try:
        await _read_added(settings, directory)
        streams = await directory.live(limit)
        for name, failure in directory.failures.items():
            print(f"warning: {name} is missing: {plain(str(failure))}", file=sys.stderr)
        return streams
    finally:
        await directory.close()


async def _details(settings: Settings, id: str) -> StreamDetails:
    from orchestrator.api.serializers.stream_details import details
    from orchestrator.catalog.store import Catalog
    from orchestrator.discovery.directory import Directory
    from orchestrator.recordings.encryption.stream_keys import keys_of
    from orchestrator.server.streams.details import details_of
    from orchestrator.server.streams.named_streams import NamedStreams

    directory = Directory.from_settings(settings)
    try:
        named = await _read_added(settings, directory)
        keys = keys_of(None, settings, directory.named.definition(id))
        found = await details_of(directory, id, keys)
        if named is None:
            named = NamedStreams(settings, Catalog(settings.database_url), directory.named)
        return details(named, settings, found)
    finally:
        await directory.close()


async def _read_added(settings: Settings, directory: Directory) -> NamedStreams | None:
    """Those that were added, if there is a catalog: to look makes none."""
    from orchestrator.catalog.database import database_path
    from orchestrator.errors import HavenError

    if not await asyncio.to_thread(database_path(settings.database_url).exists):
        return None
    try:
        async with _named(settings, directory) as named:
            return named
    except HavenError as failure:
        print(f"warning: added streams are missing: {plain(str(failure))}", file=sys.stderr)
    return None


@asynccontextmanager
async def _named(settings: Settings, directory: Directory) -> AsyncIterator[NamedStreams]:
    from orchestrator.catalog.store import Catalog
    from orchestrator.server.streams.named_streams import NamedStreams

    catalog = Catalog(settings.database_url, settings.file_access)
    await catalog.open(migrate=True)
    try:
        named = NamedStreams(settings, catalog, directory.named)
        await named.read()
        yield named
    finally:
        await catalog.close()


def _row(stream: Stream) -> tuple[str, ...]:
    named = stream.name or stream.symbol or ""
    live = {True: "yes", False: "no", None: UNKNOWN}[stream.is_currently_live]
    return (stream.id, named, live, str(stream.num_participants), stream.discovery)
