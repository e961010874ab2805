"""The command line: `orchestrator:cli.main`; one small file for each group of commands.

Commands import what they need when they run, so that `--help` and a refusal come at once.
"""

import sys
from typing import Final, NoReturn

NO_WINDOWS: Final = (
    "Haven Recorder doesn't run on Windows itself: it needs named pipes and POSIX signals.\n"
    "Run it in WSL 2 (Windows Subsystem for Linux): `wsl --install`, then set it up inside."
)


def main() -> NoReturn:
    """Runs the command line of this process and exits with its code."""
    if sys.platform == "win32":
        sys.exit(NO_WINDOWS)
    from orchestrator.cli.standard_streams import open_closed_streams

    open_closed_streams()
    from orchestrator.cli.app import run

    sys.exit(run(sys.argv[1:]))
