"""`orchestrator streams`: the live streams."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.formatting import AsJson, Config, plain, print_json, print_table

if TYPE_CHECKING:
    from orchestrator.media import Stream
    from orchestrator.settings import Settings


def streams(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most streams to list.")] = 20,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """List live streams, those with the most participants first."""
    from orchestrator.settings import load_settings

    streams = asyncio.run(_live(load_settings(config=config), limit))
    if as_json:
        print_json([asdict(stream) for stream in streams])
    elif streams:
        print_table(("stream", "name", "watching", "from"), [_row(stream) for stream in streams])
    else:
        print("Nothing is live now.")


async def _live(settings: Settings, limit: int) -> list[Stream]:
    from orchestrator.discovery.directory import Directory

    directory = Directory.from_settings(settings)
    try:
        streams = await directory.live(limit)
        for name, failure in directory.failures.items():
            print(f"warning: {name} is missing: {plain(str(failure))}", file=sys.stderr)
        return streams
    finally:
        await directory.close()


def _row(stream: Stream) -> tuple[str, ...]:
    named = stream.name or stream.symbol or ""
    return (stream.id, named, str(stream.num_participants), stream.discovery)
