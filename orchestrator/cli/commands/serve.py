"""`orchestrator serve`: the HTTP API and the dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.formatting import Config

_Text = str | None


def serve(
    host: Annotated[_Text, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the HTTP API; 0 picks a free one.")
    ] = None,
    output_directory: Annotated[
        Path | None, typer.Option("--output-directory", "-o", help="Folder for recordings.")
    ] = None,
    discovery: Annotated[
        _Text, typer.Option(help="Directories to look streams up in: livekit,pumpfun,demo.")
    ] = None,
    livekit_url: Annotated[
        _Text, typer.Option(help="URL of the LiveKit server, ws:// or wss://.")
    ] = None,
    ffmpeg: Annotated[Path | None, typer.Option(help="ffmpeg to use.")] = None,
    pipelines_directory: Annotated[
        Path | None, typer.Option(help="Folder with your own pipelines.")
    ] = None,
    database_url: Annotated[_Text, typer.Option(help="SQLAlchemy URL of the catalog.")] = None,
    log_level: Annotated[
        _Text, typer.Option(help="Lowest level logged: debug, info, warning or error.")
    ] = None,
    log_format: Annotated[_Text, typer.Option(help="Format of log lines: console or json.")] = None,
    config: Config = None,
) -> None:
    """Run the server. Keys and secrets have no options, as `ps` shows options to everybody."""
    flags = {name: value for name, value in locals().items() if value is not None}
    import structlog

    from orchestrator import logs
    from orchestrator.cli.error_messages import log_failure
    from orchestrator.cli.standard_streams import outlive_readers
    from orchestrator.settings import load_settings, warnings

    settings = load_settings(**flags)
    outlive_readers()
    logs.configure(settings.log_level, settings.log_format)
    for text in warnings(settings):
        structlog.get_logger("orchestrator.settings").warning(text)
    from orchestrator.api.server import serve as run

    try:
        run(settings)
    except Exception as error:
        if settings.log_format == "console":
            raise  # cli.app prints it as a line
        raise typer.Exit(log_failure(error)) from error
