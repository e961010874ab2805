"""`orchestrator demo-stream`: a live stream of a test picture, to try everything with."""

from __future__ import annotations

from typing import Annotated

import typer


def demo_stream(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: a free one.")] = 0,
) -> None:
    """Serve a test picture with a clock and a beep each second over WHEP, on 127.0.0.1.

    Its address is the first line printed. It ends with Ctrl-C, or when its input ends.
    """
    from orchestrator.discovery.demo_stream import run

    run(port)
