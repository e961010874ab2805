"""The job that the uploader gets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from orchestrator.settings import Settings


@dataclass(frozen=True, slots=True)
class UploaderJob:
    """All that the process needs to know to begin."""

    settings: Settings

    def line(self) -> str:
        """One line of JSON, for its standard input."""
        return json.dumps({"settings": self.settings.to_worker_json()})

    @classmethod
    def read(cls, line: str) -> UploaderJob:
        """The job that `line` wrote."""
        return cls(Settings.from_worker_json(json.loads(line)["settings"]))


def log_path(catalog: Path) -> Path:
    """Where the process's standard error goes: beside the catalog, emptied by each new one."""
    real = catalog.resolve()
    return real.with_name(f"{real.name}.uploader.log")
