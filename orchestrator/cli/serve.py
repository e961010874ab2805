"""`orchestrator serve`: the HTTP API and the dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.output import Config

_Text = str | None


def serve(
    host: Annotated[_Text, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the HTTP API; 0: a free one.")] = None,
    output_directory: Annotated[
        Path | None, typer.Option("--output-directory", "-o", help="Where recordings go.")
    ] = None,
    discovery: Annotated[
        _Text, typer.Option(help="Where streams come from: livekit,pumpfun,demo.")
    ] = None,
    livekit_url: Annotated[_Text, typer.Option(help="LiveKit server, ws:// or wss://.")] = None,
    ffmpeg: Annotated[Path | None, typer.Option(help="The ffmpeg to use.")] = None,
    pipelines_directory: Annotated[Path | None, typer.Option(help="Your own presets.")] = None,
    database_url: Annotated[_Text, typer.Option(help="Address of the catalog.")] = None,
    log_level: Annotated[_Text, typer.Option(help="debug, info, warning or error.")] = None,
    log_format: Annotated[_Text, typer.Option(help="console or json.")] = None,
    config: Config = None,
) -> None:
    """Run the server. Keys and secrets have no flags: a flag is seen by everybody in `ps`."""
    flags = {name: value for name, value in locals().items() if value is not None}
    from orchestrator import logs
    from orchestrator.settings import load_settings

    settings = load_settings(**flags)
    logs.configure(settings.log_level, settings.log_format)
    from orchestrator.api.server import serve as run

    run(settings)
