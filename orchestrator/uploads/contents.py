"""Which files of a recording an upload has, and what they are called at the target."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from orchestrator.catalog.models import File, Recording
from orchestrator.catalog.pauses.table import Pauses
from orchestrator.catalog.sidecars.table import SidecarFiles
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.errors import NoFrame
from orchestrator.recordings.job import runtime_directory
from orchestrator.recordings.manifest import ManifestFile, manifest
from orchestrator.recordings.sidecars.names import SidecarKind
from orchestrator.recordings.states import ACTIVE

log = structlog.get_logger(__name__)

MANIFEST: Final = "manifest.json"
THUMBNAIL: Final = "thumbnail.jpg"
FILE: Final = "file"
HLS: Final = "hls"
IMAGE: Final = "thumbnail"
OWN_MANIFEST: Final = "manifest"


@dataclass(frozen=True, slots=True)
class Content:
    """One file."""

    name: str
    """Its path below the recording's folder at the target."""
    kind: str
    path: Path
    part: int | None = None
    """The number of a final file."""
    size: int | None = None
    """Of a final file, as the catalog has it."""
    sha256: str | None = None
    """Likewise; None: not known yet."""

    def is_of(self, size: int, sha256: str) -> bool:
        """Whether that is this file."""
        return self.size in (None, size) and self.sha256 in (None, sha256)


def folder_of(recording: Recording) -> str:
    """The recording's folder at the target: the same for all attempts, and no other's."""
    return f"{Path(recording.output_path).stem}-{recording.id[:8]}"


async def contents_of(catalog: Catalog, recording: Recording, scratch: Path) -> list[Content]:
    """Files that are final now, in order; sidecar files and thumbnail once it has ended."""
    files = await catalog.files(recording.id)
    found = [_final(file) for file in files]
    if recording.state in ACTIVE:
        return found
    for sidecar in await SidecarFiles(catalog).of_recording(recording.id):
        if sidecar.kind != SidecarKind.MANIFEST:  # it is made anew, with all that is here
            found.append(Content(sidecar.name, sidecar.kind, Path(sidecar.path)))
    if files and not any(one.name == THUMBNAIL for one in found):
        image = scratch / THUMBNAIL
        if await asyncio.to_thread(_write_thumbnail, Path(files[0].path), image):
            found.append(Content(THUMBNAIL, IMAGE, image))
    return found


def _final(file: File) -> Content:
    path = Path(file.path)
    return Content(path.name, FILE, path, file.number, file.size_bytes, file.sha256)


async def write_manifest(
    catalog: Catalog,
    recording: Recording,
    uploaded: Sequence[UploadedFile],
    scratch: Path,
    hls: Mapping[str, Any] | None,
) -> Content:
    """The manifest of what is uploaded, in a file; the caller puts it beside the recording's."""
    listed = [
        ManifestFile(one.name, _kind_of(one), one.size_bytes, one.sha256)
        for one in uploaded
        if one.name != MANIFEST
    ]
    values = manifest(
        recording,
        await catalog.files(recording.id),
        await catalog.segments(recording.id),
        await Pauses(catalog).of_recording(recording.id),
        await catalog.events(recording.id),
        uploaded=listed,
        hls=hls,
    )
    path = scratch / MANIFEST
    await asyncio.to_thread(
        write_scratch, path, json.dumps(values, indent=1, ensure_ascii=False).encode()
    )
    return Content(MANIFEST, OWN_MANIFEST, path)


def scratch_folder(output_id: str) -> Path:
    """Where files are made that exist only for an upload."""
    return runtime_directory(f"upload-{output_id}")


async def remove_scratch(output_id: str) -> None:
    """At its end, whatever it was."""
    await asyncio.to_thread(shutil.rmtree, scratch_folder(output_id), ignore_errors=True)


def _write_thumbnail(file: Path, image: Path) -> bool:
    from orchestrator.recordings.images.thumbnails import thumbnail  # noqa: PLC0415 - PyAV: 20 MB, on demand

    if image.exists():
        return True
    try:
        write_scratch(image, thumbnail(file))
    except (NoFrame, FileNotFoundError) as error:  # audio only; or it is gone, which is seen later
        log.info("no thumbnail to upload", error=str(error))
        return False
    return True


def _kind_of(file: UploadedFile) -> str:
    return FILE if file.part else HLS if file.name.startswith(f"{HLS}/") else "sidecar"


def write_scratch(path: Path, data: bytes) -> None:
    """Writes one of those files, whole or not at all. Blocking."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as draft:
        draft.write(data)
    Path(draft.name).replace(path)
