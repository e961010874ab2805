"""A server whose recordings take a while to finish; run by test_server.py as a child."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from orchestrator.api.server import run
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.settings import Settings
from tests.kit.api.memory import MemoryManager, pipeline


class SlowManager(MemoryManager):
    """Finishes its recordings only when the test's file is gone."""

    async def close(self) -> None:
        """Waits for the file to go, 20 s at most."""
        print("finishing", flush=True)
        for _ in range(400):
            if not Path(sys.argv[1]).exists():
                break
            await asyncio.sleep(0.05)
        print("finished", flush=True)


if __name__ == "__main__":
    settings = Settings(port=int(sys.argv[2]), output_directory=Path(sys.argv[1]).parent)
    manager = SlowManager(settings)
    manager.pipelines = Pipelines({"mp4": pipeline("mp4")}, ())  # nothing to warn of
    run(manager)
