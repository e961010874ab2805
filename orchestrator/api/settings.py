"""/api/settings: the settings in force, to read."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from orchestrator.api.dependencies import ManagerHere
from orchestrator.api.responses import failures
from orchestrator.api.schemas.common import Wire, example, example_of
from orchestrator.settings import shown

router = APIRouter(prefix="/api/settings", tags=["settings"])


class Setting(Wire):
    """One setting."""

    name: str
    value: str
    """In words; secrets are masked, what isn't set is empty."""
    origin: str
    """Where it was set: a flag, a variable, a file; or `default`."""
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
    """Every setting. They are set where `origin` says, and read when the server starts."""

    success: Literal[True] = True
    settings: list[Setting]

    model_config = example({"success": True, "settings": [example_of(Setting)]})


@router.get("", responses=failures(), summary="List Settings")
async def settings(manager: ManagerHere) -> SettingsList:
    """All settings with value, origin and meaning.

    The output directory in use may be another: GET /api/recording/output-directory.
    """
    return SettingsList(settings=[Setting(**s._asdict()) for s in shown(manager.settings)])
