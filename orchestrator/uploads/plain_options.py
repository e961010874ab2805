"""Options of a target in plain text."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr


def plain_options(options: Mapping[str, SecretStr]) -> dict[str, str]:
    """Their values, which are secrets."""
    return {name: value.get_secret_value() for name, value in options.items()}
