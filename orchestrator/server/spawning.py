"""Starts a process in a session of its own that may outlive the server.

`posix_spawn`, since neither asyncio's transports (which kill their child when the loop ends) nor
`Popen` (which warns of it) let a process outlive the one that started it.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Final

from orchestrator.settings import PREFIX

STDERR: Final = 2

_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1"}
"""numpy's library starts a thread for each core at import; only a single thread may fork."""


def spawn(module: str, held: signal.Signals, stdin: int, stderr: int) -> int:
    """The pid of ``python -m module``, with these descriptors and nothing else of ours.

    `held`: a signal that it doesn't get before it listens to it, and unblocks it.
    """
    return os.posix_spawn(
        sys.executable,
        (sys.executable, "-m", module),
        _environment(),
        file_actions=[
            (os.POSIX_SPAWN_DUP2, stdin, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, stderr, STDERR),
        ],
        setsid=True,
        # Who is woken before it listens would die of it (signal(7)); so it hears of it then.
        setsigmask=[held],
    )


def _environment() -> dict[str, str]:
    """Ours, less the settings: the job has them, and a worker's environment shows no secret."""
    kept = {name: value for name, value in os.environ.items() if not _is_setting(name)}
    return kept | _ONE_THREAD


def _is_setting(name: str) -> bool:
    return name.upper().startswith(PREFIX)
