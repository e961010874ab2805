"""Wire types of the files beside a recording's own."""

from __future__ import annotations

from typing import Literal

from orchestrator.api.schemas.common import Moment, Wire, example, example_of
from orchestrator.recordings.sidecars.names import SidecarKind

SIDECAR = "Example_Coin_V5cCiSix_20241201_143022.images/00000010.0.jpg"
"""The sidecar of every example."""


class SidecarInfo(Wire):
    """A file beside a recording's own."""

    name: str
    """Its path below the folder of the recording's file, and in
    GET /api/recordings/{id}/sidecars/{name}. It changes if somebody else's file has it when the
    recording's file becomes final."""
    kind: SidecarKind
    media_type: str
    path: str
    """Where it lies now: in the work folder while it is recorded."""
    size_bytes: int
    """Of one that grows: a moment ago."""
    sha256: str | None
    """Null while it grows, and until it is computed."""
    at_s: float | None
    """Of an image: its time in the recording, in seconds."""
    made_at: Moment

    model_config = example(
        {
            "name": SIDECAR,
            "kind": "image",
            "media_type": "image/jpeg",
            "path": f"/path/to/recordings/{SIDECAR}",
            "size_bytes": 81234,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "at_s": 10.033,
            "made_at": "2024-12-01T14:30:32.511+00:00",
        }
    )


class SidecarList(Wire):
    """The files beside a recording's own, by name."""

    success: Literal[True] = True
    sidecars: list[SidecarInfo]
    total: int
    limit: int
    offset: int

    model_config = example(
        {
            "success": True,
            "sidecars": [example_of(SidecarInfo)],
            "total": 1,
            "limit": 1000,
            "offset": 0,
        }
    )
