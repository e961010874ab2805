"""From the rows of sidecar files to the wire's types. Pure."""

from __future__ import annotations

from orchestrator.api.schemas.sidecars import SidecarInfo
from orchestrator.catalog.sidecars.model import SidecarFile
from orchestrator.mediafiles.media_types import media_type
from orchestrator.recordings.sidecars.names import SidecarKind


def info(row: SidecarFile) -> SidecarInfo:
    """One file."""
    same = "name path size_bytes sha256 at_s made_at"
    values = {name: getattr(row, name) for name in same.split()}
    return SidecarInfo(**values, kind=SidecarKind(row.kind), media_type=media_type(row.name))
