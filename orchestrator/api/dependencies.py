"""What routes are given: the manager that the app was made with."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from orchestrator.api.service import Manager


def manager_of(request: Request) -> Manager:
    """The manager behind this server."""
    manager: Manager = request.app.state.manager
    return manager


ManagerHere = Annotated[Manager, Depends(manager_of)]
