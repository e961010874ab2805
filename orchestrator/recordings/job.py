"""The job that the server gives a worker; names of its folder and its participant identity."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from orchestrator.e2ee_keys import E2eeKeys, revealed
from orchestrator.media import Endpoint, LiveKitEndpoint, UrlEndpoint, WhepEndpoint, WhipEndpoint
from orchestrator.settings import Settings


@dataclass(frozen=True, slots=True)
class Job:
    """All that a worker needs to know to begin."""

    recording_id: str
    number: int
    """Which worker of this recording it is, from 1 on."""
    settings: Settings
    endpoint: Endpoint | None
    """How to connect first; None when that isn't known, or there is only a file to finish."""
    log: Path
    """Where its standard error goes."""
    demo_url: str | None = None
    """WHEP address of the demo stream that the server runs itself; None if it runs none."""
    e2ee: E2eeKeys | None = None
    """The keys that were requested for an end-to-end encrypted room."""
    asked_ns: int = field(default_factory=time.monotonic_ns)
    """When it was started, in nanoseconds on the machine's monotonic clock."""

    def line(self) -> str:
        """One line of JSON, for its standard input."""
        endpoint = self.endpoint
        job = {
            "recording_id": self.recording_id,
            "number": self.number,
            "settings": self.settings.to_worker_json(),
            "endpoint": endpoint and {"kind": type(endpoint).__name__, **asdict(endpoint)},
            "log": str(self.log),
            "demo_url": self.demo_url,
            "e2ee": revealed(self.e2ee),
            "asked_ns": self.asked_ns,
        }
        return json.dumps(job)

    @classmethod
    def read(cls, line: str) -> Job:
        """The job that `line` wrote."""
        job: dict[str, Any] = json.loads(line)
        settings = Settings.from_worker_json(job["settings"])
        endpoint = job["endpoint"] and _endpoint(job["endpoint"])
        keys = job.get("e2ee")
        return cls(
            job["recording_id"],
            job["number"],
            settings,
            endpoint,
            Path(job["log"]),
            # A server that an upgrade finds running starts workers of the new version.
            job.get("demo_url"),
            keys and E2eeKeys(**keys),
            job["asked_ns"],
        )


INPUT_LOG: Final = "input.log"
"""In a recording's work folder: what the ffmpeg says that receives for it."""


def identity_of(recording_id: str) -> str:
    """The recorder's participant identity in a room, one for each recording; it is hidden."""
    return f"haven-recorder-{recording_id}"


def runtime_directory(recording_id: str) -> Path:
    """Private folder of a worker for its pipes; after a killed worker the server removes it."""
    return Path(tempfile.gettempdir()) / f"haven-recorder-{recording_id}"


def _endpoint(given: dict[str, Any]) -> Endpoint:
    kinds = {
        kind.__name__: kind for kind in (LiveKitEndpoint, WhepEndpoint, WhipEndpoint, UrlEndpoint)
    }
    return kinds[given.pop("kind")](**given)
