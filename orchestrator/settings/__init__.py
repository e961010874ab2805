"""All settings: one frozen object, made once at the edge and passed down.

Sources, strongest first: flags, the environment (``ORCHESTRATOR_*``), ``.env`` and
``orchestrator.toml`` (both of the current folder; ``--config`` or ``ORCHESTRATOR_CONFIG`` names
another TOML file), the defaults in `fields`. An unknown name or a bad value in any of
them is refused by name, with the place where it stands: a setting that is silently ignored is a
recording lost.
"""

from orchestrator.settings.fields import APP, PREFIX, Settings, masked
from orchestrator.settings.shown import Shown, shown
from orchestrator.settings.sources import load_settings, origins
from orchestrator.settings.template import template

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
]
