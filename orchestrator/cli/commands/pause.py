"""`orchestrator pause` and `orchestrator resume`: of any recording of this machine's catalog.

They need no server: the recording's worker reads the catalog.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.formatting import Config
from orchestrator.cli.open_catalog import wake_worker, with_catalog

if TYPE_CHECKING:
    from orchestrator.catalog.models import Recording
    from orchestrator.catalog.store import Catalog
    from orchestrator.pausing import PauseMode
    from orchestrator.settings import Settings

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

    _want(stream, PauseMode.STILL if still else PauseMode.CUT, config)
    kept = "its last frame stands" if still else "its time is cut out"
    print(f"The recording of {stream} is paused; {kept}. `orchestrator resume` has it go on.")


def resume(stream: Stream, config: Config = None) -> None:
    """Have a paused recording go on."""
    _want(stream, None, config)
    print(f"The recording of {stream} goes on.")


def _want(stream: str, mode: PauseMode | None, config: Config) -> Recording:
    from orchestrator.pausing import PauseMode
    from orchestrator.server.pauses.recording_pauses import RecordingPauses

    async def want(_: Settings, catalog: Catalog) -> Recording:
        pauses = RecordingPauses(catalog, wake_worker)
        if mode is None:
            return await pauses.resume(stream)
        return await pauses.pause(stream, still=mode is PauseMode.STILL)

    return with_catalog(want, config)
