"""`orchestrator demo-stream`: a live test stream."""

from __future__ import annotations

from typing import Annotated

import typer


def demo_stream(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = 0,
) -> None:
    """Serve test video with a clock and a beep every second over WHEP, on 127.0.0.1.

    The first line printed is its URL. Ctrl-C stops it, and so does the end of a piped stdin.
    """
    from orchestrator.discovery.demo.server import run
    from orchestrator.errors import SettingsError

    try:
        run(port)
    except OSError as error:
        problem = f"Can't listen on port {port}: {error.strerror or error}"
        raise SettingsError(problem, "Choose another with --port; 0 picks a free one.") from error
