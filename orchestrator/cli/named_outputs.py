"""Outputs and web hooks on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from orchestrator.outputs.specs import Output
    from orchestrator.outputs.webhooks import Webhook

HOW: Final = (
    "hls, hls:low-latency, images:10s, upload:s3://bucket/prefix, push:rtmp://host/app/key, "
    "or @FILE with that or with JSON: arguments are no place for stream keys."
)
NONE: Final = "none"
"""Not even those of the settings."""

LONGEST_FILE: Final = 65_536


def read_named(text: str) -> Output:
    """One output, named as `HOW` says; InvalidRequest, BadParameter for a file."""
    from orchestrator.outputs.short_text import read_short

    return read_short(of_file(text) if text.startswith("@") else text)


def outputs_of(named: Sequence[str]) -> tuple[Output, ...] | None:
    """Those of --also; None without any, which are those of the settings."""
    if not named:
        return None
    if list(named) == [NONE]:
        return ()
    from orchestrator.outputs.specs import MOST_OUTPUTS

    _check_number(named, MOST_OUTPUTS, "--also")
    return tuple(read_named(text) for text in named)


def webhooks_of(named: Sequence[str]) -> tuple[Webhook, ...] | None:
    """Those of --webhook: an address, or @FILE with one or with JSON; None without any."""
    from orchestrator.outputs.webhooks import MOST_WEBHOOKS

    _check_number(named, MOST_WEBHOOKS, "--webhook")
    return tuple(_webhook(text) for text in named) or None


def _check_number(named: Sequence[str], most: int, option: str) -> None:
    if len(named) > most:
        raise typer.BadParameter(f"at most {most}, not {len(named)}", param_hint=option)


def _webhook(text: str) -> Webhook:
    from pydantic import ValidationError

    from orchestrator.outputs.webhooks import Webhook

    given = of_file(text) if text.startswith("@") else text
    try:
        if given.startswith("{"):
            return Webhook.model_validate_json(given)
        return Webhook.model_validate({"url": given})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise typer.BadParameter(why, param_hint="--webhook") from None


def of_file(text: str) -> str:
    """What the file of @FILE has, up to 64 KiB of it; BadParameter."""
    file = Path(text.removeprefix("@"))
    try:
        with file.open(encoding="utf-8") as source:
            return source.read(LONGEST_FILE).strip()
    except (OSError, UnicodeError) as error:
        raise typer.BadParameter(f"nothing can be read of {file}: {error}") from None
