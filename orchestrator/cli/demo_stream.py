"""`orchestrator demo-stream`: a live stream of a test picture, to try everything with."""

from __future__ import annotations

from typing import Annotated

import typer


def demo_stream(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: a free one.")] = 0,
) -> None:
    """Serve a test picture with a clock and a beep each second over WHEP, on 127.0.0.1.

    Its address is the first line printed. It ends with Ctrl-C, or with the pipe it reads from.
    """
    from orchestrator.discovery.demo_stream import run
    from orchestrator.errors import SettingsError

    try:
        run(port)
    except OSError as error:
        said = f"Can't listen on port {port}: {error.strerror or error}"
        raise SettingsError(said, "Choose another with --port; 0 takes a free one.") from error
