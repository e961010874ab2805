"""The job of a worker that begins with a publisher (WHIP) and no recording."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from orchestrator.ingest.control import folder_of, log_of, socket_of
from orchestrator.settings import Settings


@dataclass(frozen=True, slots=True)
class IngestJob:
    """All that it needs to know to begin."""

    stream_id: str
    settings: Settings

    @property
    def socket(self) -> Path:
        """Where it is asked for what else it is to do. Blocking, for a moment."""
        return socket_of(folder_of(self.settings.database_url), self.stream_id)

    @property
    def log(self) -> Path:
        """Where its standard error goes while nothing is recorded. Blocking, for a moment."""
        return log_of(folder_of(self.settings.database_url), self.stream_id)

    def line(self) -> str:
        """One line of JSON, for its standard input."""
        settings = self.settings.to_worker_json()
        return json.dumps({"ingest": self.stream_id, "settings": settings})

    @classmethod
    def read(cls, line: str) -> IngestJob | None:
        """The job that `line` wrote; None if this is a recording's."""
        job = json.loads(line)
        if "ingest" not in job:
            return None
        return cls(job["ingest"], Settings.from_worker_json(job["settings"]))
