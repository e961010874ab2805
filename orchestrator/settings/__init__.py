"""All settings: one frozen object, created once at the start and passed down.

Sources, strongest first: options, the environment (``ORCHESTRATOR_*``), ``.env`` and
``orchestrator.toml`` (both of the current folder; ``--config`` or ``ORCHESTRATOR_CONFIG`` names
another TOML file), the defaults in `fields`. An unknown name or a bad value in any of
them is an error that names the setting and its place: a setting that is silently ignored may cost
a recording.
"""

from orchestrator.settings.display import Shown, shown
from orchestrator.settings.fields import Settings
from orchestrator.settings.loading import load_settings, origins, warnings
from orchestrator.settings.template import template
from orchestrator.settings.value_types import APP, PREFIX, masked

__all__ = [
    "APP",
    "PREFIX",
    "Settings",
    "Shown",
    "load_settings",
    "masked",
    "origins",
    "shown",
    "template",
    "warnings",
]
