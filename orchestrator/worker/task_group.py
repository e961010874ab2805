"""Tasks that run and end together, and the error they ended with."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from orchestrator.errors import HavenError


async def run_together(*calls: Coroutine[Any, Any, None]) -> None:
    """Runs all of them; cancels the others when one fails."""
    async with asyncio.TaskGroup() as tasks:
        for call in calls:
            tasks.create_task(call)


def first_error(group: BaseExceptionGroup[HavenError]) -> HavenError:
    """The first error in a group, however deep."""
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    assert isinstance(inner, HavenError)
    return inner
