"""`orchestrator settings`: every setting with its value, origin and description."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.formatting import AsJson, Config, print_json, print_table


def settings(
    template: Annotated[
        bool,
        typer.Option("--template", help="Print a commented orchestrator.toml with all settings."),
    ] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Show all settings with value, origin and description. Secrets are masked."""
    import orchestrator.settings as known

    if template:
        print(known.template())
        return
    rows = known.shown(known.load_settings(config=config))
    if as_json:
        print_json([row._asdict() for row in rows])
    else:
        print_table(("setting", "value", "from", "meaning"), rows)
