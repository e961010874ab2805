"""Settings that can't be used."""

from __future__ import annotations

from typing import ClassVar

from orchestrator.errors.base import HavenError


class SettingsError(HavenError):
    """An unknown setting, or a bad value."""

    code = "settings"
    exit_code: ClassVar[int] = 2
