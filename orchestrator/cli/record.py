"""`orchestrator record`: one recording, on the terminal, without a server."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.cli.output import Config

if TYPE_CHECKING:
    from orchestrator.catalog.models import Recording
    from orchestrator.recordings.request import StartRequest
    from orchestrator.settings import Settings

UNITS_S: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if found is None or float(found[1]) == 0:
        raise typer.BadParameter(f"{text} is no duration like 90, 90s, 15m or 1.5h")
    return float(found[1]) * UNITS_S[found[2]]


def record(
    stream: Annotated[str, typer.Argument(help="Id of a live stream, e.g. a room, or demo.")],
    format: Annotated[str | None, typer.Option(help="av1, mp4 or webm. [default: av1]")] = None,
    quality: Annotated[str, typer.Option(help="Of the picture: low, medium or high.")] = "high",
    audio_quality: Annotated[str, typer.Option(help="low, medium or high.")] = "high",
    pipeline: Annotated[
        str | None, typer.Option(help="A preset by name, instead of --format.")
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(parser=_seconds, metavar="TIME", help="Stop after it: 90, 90s, 15m, 1.5h."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the file.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until it is live; --duration counts from then on.")
    ] = False,
    config: Config = None,
) -> None:
    """Record a live stream until it ends, --duration is over, or Ctrl-C. No server is needed."""
    from orchestrator import logs
    from orchestrator.cli.progress import summary
    from orchestrator.recordings.limits import asked
    from orchestrator.recordings.request import StartRequest
    from orchestrator.settings import load_settings

    folder = _made(output) if output else None
    settings = load_settings(config=config, output_directory=folder)
    # The progress line says what goes on; log lines between would tear it.
    logs.configure("debug" if settings.log_level == "debug" else "warning", settings.log_format)
    request = StartRequest(
        mint_id=stream,
        output_format=format,
        pipeline=pipeline,
        video_quality=quality,
        audio_quality=audio_quality,
        output_directory=str(folder) if folder else None,
        limits=asked(duration, None, None, None),
    )
    try:
        ended = asyncio.run(_record(settings, request, wait))
    except asyncio.CancelledError:
        _say("Left. The recording's own process goes on finishing the file.")
        raise typer.Exit(130) from None
    summary(ended)


async def _record(settings: Settings, request: StartRequest, wait: bool) -> Recording:
    from orchestrator.cli.session import Session
    from orchestrator.recordings.manager import create_manager

    # On its way out a manager finishes all recordings; those of a server are none of ours.
    manager = create_manager(settings.model_copy(update={"leave_recordings_running": True}))
    await manager.open()
    try:
        wait_s = settings.watch_period_s if wait else None
        return await Session(manager, request, wait_s).run()
    finally:
        await manager.close()


def _made(output: Path) -> Path:
    from orchestrator.catalog.paths import make_output_directory

    folder = output.expanduser().absolute()
    # Whoever types the path may choose any; the roots are for clients of the API.
    return make_output_directory(folder, [Path(folder.anchor)])


def _say(message: str) -> None:
    typer.echo(message, err=True)
