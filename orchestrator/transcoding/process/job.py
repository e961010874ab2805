"""The job that the server gives the process of an encode."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from orchestrator.recordings.job import runtime_directory
from orchestrator.settings import Settings


@dataclass(frozen=True, slots=True)
class EncodeJob:
    """All that the process needs to know to begin."""

    encode_id: str
    number: int
    """Which process of this encode it is, from 1 on."""
    settings: Settings

    def line(self) -> str:
        """One line of JSON, for its standard input."""
        settings = self.settings.to_worker_json()
        return json.dumps(
            {"encode_id": self.encode_id, "number": self.number, "settings": settings}
        )

    @classmethod
    def read(cls, line: str) -> EncodeJob:
        """The job that `line` wrote."""
        job = json.loads(line)
        return cls(job["encode_id"], job["number"], Settings.from_worker_json(job["settings"]))


def log_path(encode_id: str) -> Path:
    """Where the process's standard error goes, alone in its folder; removed when it has ended."""
    return runtime_directory(f"encode-{encode_id}") / "encode.log"


def remove_log(encode_id: str) -> None:
    """Removes it with its folder; blocking."""
    shutil.rmtree(log_path(encode_id).parent, ignore_errors=True)
