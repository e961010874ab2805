"""What commands do with the catalog of the settings, beside a server or without one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.catalog.models import Recording
    from orchestrator.catalog.store import Catalog
    from orchestrator.settings import Settings

_T = TypeVar("_T")


def with_catalog(work: Callable[[Settings, Catalog], Awaitable[_T]], config: Path | None) -> _T:
    """What `work` gives, which gets the settings and their catalog, open."""
    from orchestrator.catalog.store import Catalog
    from orchestrator.settings import load_settings

    settings = load_settings(config=config)

    async def run() -> _T:
        catalog = Catalog(settings.database_url, settings.file_access)
        await catalog.open(migrate=True)
        try:
            return await work(settings, catalog)
        finally:
            await catalog.close()

    return asyncio.run(run())


def wake_worker(recording: Recording) -> None:
    """Its worker reads its row now; one of another user does so within seconds anyway."""
    from orchestrator.server.launcher import LocalLauncher
    from orchestrator.server.recording_workers import worker_of

    worker = worker_of(recording)
    if worker is not None:
        with suppress(PermissionError, ProcessLookupError):
            LocalLauncher().wake(worker)
