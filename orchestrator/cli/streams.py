"""`orchestrator streams`: what is live now."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.output import AsJson, Config, print_json, print_table

if TYPE_CHECKING:
    from orchestrator.media import Stream
    from orchestrator.settings import Settings


def streams(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """List the streams that are live now, the most watched first."""
    from orchestrator.settings import load_settings

    found = asyncio.run(_live(load_settings(config=config), limit))
    if as_json:
        print_json([asdict(stream) for stream in found])
    elif found:
        print_table(("stream", "name", "watching", "from"), [_row(stream) for stream in found])
    else:
        print("Nothing is live now.")


async def _live(settings: Settings, limit: int) -> list[Stream]:
    from orchestrator.discovery.directory import Directory

    directory = Directory.from_settings(settings)
    try:
        found = await directory.live(limit)
        for name, failure in directory.failures.items():
            print(f"warning: without those of {name}: {failure}", file=sys.stderr)
        return found
    finally:
        await directory.close()


def _row(stream: Stream) -> tuple[str, ...]:
    named = stream.name or stream.symbol or ""
    return (stream.id, named, str(stream.num_participants), stream.discovery)
