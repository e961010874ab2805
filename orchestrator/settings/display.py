"""The settings as shown on the terminal and in the browser."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr

from orchestrator.e2ee_keys import E2eeKeys
from orchestrator.outputs.webhooks import Webhook
from orchestrator.settings.fields import Settings
from orchestrator.settings.loading import origins
from orchestrator.settings.value_types import masked


class Shown(NamedTuple):
    """One setting as text; secrets are masked, unset ones empty."""

    name: str
    value: str
    origin: str
    """Where it was set, or `default`."""
    description: str


def shown(settings: Settings) -> list[Shown]:
    """All of them, in the order of `Settings`."""
    where = origins(settings)
    return [
        Shown(name, _words(masked(value)), where[name], _meaning(name)) for name, value in settings
    ]


def _words(value: Any) -> str:
    if isinstance(value, (list, dict)):  # of a table the names: its values may be secrets
        return ", ".join(_word(item) for item in value)
    if isinstance(value, E2eeKeys):
        return str(SecretStr("keys"))
    return "" if value is None else str(value)


def _word(item: Any) -> str:
    """Of a list's items only what is no secret."""
    if isinstance(item, Webhook):
        return item.shown_url
    return str(getattr(item, "type", "")) if isinstance(item, BaseModel) else str(item)


def _meaning(name: str) -> str:
    return str(Settings.model_fields[name].description)
