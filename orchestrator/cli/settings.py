"""`orchestrator settings`: every setting with its value, where that came from and what it does."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestrator.cli.output import AsJson, Config, print_json, print_table


def settings(
    template: Annotated[
        bool, typer.Option("--template", help="Print an orchestrator.toml to start from.")
    ] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Show all settings: value, origin and meaning. Secrets are masked."""
    import orchestrator.settings as known

    if template:
        print(known.template())
        return
    loaded = known.load_settings(config=config)
    origins = known.origins(loaded)
    rows = [
        (name, _shown(known.masked(value)), origins[name], _meaning(known.Settings, name))
        for name, value in loaded
    ]
    if as_json:
        keys = ("name", "value", "origin", "description")
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        print_table(("setting", "value", "from", "meaning"), rows)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)


def _meaning(known: Any, name: str) -> str:
    return str(known.model_fields[name].description)
