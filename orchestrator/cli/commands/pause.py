"""`orchestrator pause` and `orchestrator resume`: of any recording of this machine's catalog.

They need no server: the recording's worker reads the catalog.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.formatting import Config

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.catalog.models import Recording
    from orchestrator.pausing import PauseMode

Stream = Annotated[
    str, typer.Argument(metavar="STREAM", help="Id of the stream that is being recorded.")
]
Still = Annotated[
    bool,
    typer.Option("--still", help="Keep the last frame and silence in the file for the pause."),
]


def pause(stream: Stream, still: Still = False, config: Config = None) -> None:
    """Pause the recording of a stream: what comes meanwhile isn't in its file."""
    from orchestrator.pausing import PauseMode

    asyncio.run(_want(stream, PauseMode.STILL if still else PauseMode.CUT, config))
    kept = "its last frame stands" if still else "its time is cut out"
    print(f"The recording of {stream} is paused; {kept}. `orchestrator resume` has it go on.")


def resume(stream: Stream, config: Config = None) -> None:
    """Have a paused recording go on."""
    asyncio.run(_want(stream, None, config))
    print(f"The recording of {stream} goes on.")


async def _want(stream: str, mode: PauseMode | None, config: Path | None) -> Recording:
    from orchestrator.catalog.store import Catalog
    from orchestrator.pausing import PauseMode
    from orchestrator.server.launcher import LocalLauncher
    from orchestrator.server.pauses.recording_pauses import RecordingPauses
    from orchestrator.server.recording_workers import worker_of
    from orchestrator.settings import load_settings

    settings = load_settings(config=config)
    catalog, launcher = Catalog(settings.database_url, settings.file_access), LocalLauncher()

    def wake(recording: Recording) -> None:
        if (worker := worker_of(recording)) is not None:
            launcher.wake(worker)

    await catalog.open(migrate=True)
    try:
        pauses = RecordingPauses(catalog, wake)
        if mode is None:
            return await pauses.resume(stream)
        return await pauses.pause(stream, still=mode is PauseMode.STILL)
    finally:
        await catalog.close()
