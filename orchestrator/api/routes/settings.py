"""/api/settings: the settings in effect, read-only."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.documented_errors import failures
from orchestrator.api.schemas.common import Wire, example, example_of
from orchestrator.settings import shown

router = APIRouter(prefix="/api/settings", tags=["settings"])


class Setting(Wire):
    """One setting."""

    name: str
    value: str
    """As text; secrets are masked, unset values are empty."""
    origin: str
    """Where it was set: an option, a variable or a file; or `default`."""
    description: str

    model_config = example(
        {
            "name": "port",
            "value": "8000",
            "origin": "ORCHESTRATOR_PORT in .env",
            "description": "Port of the HTTP API; 0 takes a free one.",
        }
    )


class SettingsList(Wire):
    """All settings. They are read when the server starts, from where `origin` says."""

    success: Literal[True] = True
    settings: list[Setting]

    model_config = example({"success": True, "settings": [example_of(Setting)]})


@router.get("", responses=failures(), summary="List Settings")
async def settings(manager: ManagerHere) -> SettingsList:
    """All settings with value, origin and description.

    The output directory in use can differ: see GET /api/recording/output-directory.
    """
    return SettingsList(settings=[Setting(**s._asdict()) for s in shown(manager.settings)])
