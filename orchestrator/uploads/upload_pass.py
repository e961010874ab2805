"""One pass over the files of a recording: what is there and isn't at the target is sent."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from orchestrator.catalog.encodes import Encodes
from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.catalog.uploads.table import UploadedFiles
from orchestrator.errors import FileGone, HavenError, UploadError
from orchestrator.file_access import FileAccess
from orchestrator.outputs.specs import UploadOutput
from orchestrator.recordings.checksums import sha256_of
from orchestrator.recordings.output_states import OutputState
from orchestrator.recordings.sidecars.files import Sidecars
from orchestrator.recordings.sidecars.names import SidecarKind
from orchestrator.recordings.states import ACTIVE
from orchestrator.uploads.bandwidth import Bandwidth
from orchestrator.uploads.contents import (
    MANIFEST,
    Content,
    content_type,
    contents_of,
    folder_of,
    scratch_folder,
    write_manifest,
)
from orchestrator.uploads.objects import LocalFile, Objects, Watcher
from orchestrator.uploads.output_state import OutputGone, UploadState
from orchestrator.uploads.rows import local_file, sizes_of, target_of, unlink_if_same
from orchestrator.uploads.s3.bucket import http_client
from orchestrator.uploads.targets import Target

log = structlog.get_logger(__name__)

ENCODE_LOOK_S: Final = 30.0
"""Between two looks at whether an encode of the files has ended, before they are deleted here."""


class UploadPass:
    """What one pass holds open: the target, its connections."""

    def __init__(
        self,
        catalog: Catalog,
        state: UploadState,
        spec: UploadOutput,
        recording: Recording,
        access: FileAccess,
    ) -> None:
        self._access = access
        self._catalog, self._files, self._state = catalog, UploadedFiles(catalog), state
        self._row, self._spec, self._recording = state.row, spec, recording
        self._there: dict[str, UploadedFile] = {}
        self._scratch = scratch_folder(self._row.id)

    async def __aenter__(self) -> UploadPass:
        self._fallback = bool(self._state.figures.get("fallback_used"))
        self._target: Target = await asyncio.to_thread(
            target_of, self._spec, fallback=self._fallback
        )
        self._client = http_client(self._target.client)
        pace = Bandwidth(self._spec.bandwidth_bps)
        self._objects = Objects(self._target, await self._client.__aenter__(), pace)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.__aexit__(None, None, None)

    async def send_all(self) -> None:
        """Everything; sets the state."""
        self._there = {one.name: one for one in await self._files.of_output(self._row.id)}
        contents = await contents_of(self._catalog, self._recording, self._scratch)
        ended = self._recording.state not in ACTIVE
        if ended and not any(one.part for one in contents):
            raise FileGone(
                f"Recording {self._recording.id} has no file that could be uploaded.",
                self._recording.error or "It was stopped before its first frame.",
            )
        await self._plan(contents)
        await self._state.begins()
        for content in contents:
            await self._send(content)
        if not ended:
            await self._state.tell()
            return
        await self._send_manifest()
        await self._complete()

    async def _plan(self, contents: Sequence[Content]) -> None:
        sizes = await asyncio.to_thread(sizes_of, [one.path for one in contents])
        known = {name: one.size_bytes for name, one in self._there.items() if one.verified}
        total = sum(
            known.get(one.name, size or 0) for one, size in zip(contents, sizes, strict=True)
        )
        self._state.figures |= {
            "bytes_total": total,
            "files": len(contents),
            "location": self._target.location(folder_of(self._recording)),
        }
        self._count()

    def _count(self, in_progress: int = 0) -> None:
        done = [one for one in self._there.values() if one.verified and one.name != MANIFEST]
        self._state.figures |= {
            "files_uploaded": len(done),
            "bytes_uploaded": sum(one.size_bytes for one in done) + in_progress,
            "verified": sorted({one.verified or "" for one in done}),
        }

    async def _send(self, content: Content) -> None:
        known = self._there.get(content.name)
        if known is not None and known.verified is not None:
            return
        local = await self._local(content)
        same = known is not None and known.sha256 == local.sha256 and known.key == local.key
        open_id = known.open_id if same and known and known.fallback == self._fallback else None
        await self._drop_other(known, open_id)
        row = self._row_of(content, local, open_id)
        await self._begin(row)
        verified = await self._put(row, local, open_id)
        uploaded = {"verified": verified, "uploaded_at": datetime.now(UTC), "open_id": None}
        if not await self._files.change(self._row.id, content.name, **uploaded):
            raise OutputGone
        for name, value in uploaded.items():
            setattr(row, name, value)
        self._there[content.name] = row
        self._state.forget_failures()
        self._count()
        await self._state.works()
        await self._state.tell()

    async def _put(self, row: UploadedFile, local: LocalFile, open_id: str | None) -> str:
        async def opened(id: str) -> None:
            if not await self._files.change(row.output_id, row.name, open_id=id):
                raise OutputGone
            await self._state.works()  # the target has answered

        telling = asyncio.create_task(self._tell_often())
        putting = asyncio.create_task(
            self._objects.put(
                local,
                Watcher(opened=opened, sent=self._count),
                open_id=open_id,
                read_back=self._spec.keep_local == "until_uploaded",
            )
        )
        try:
            await asyncio.wait({telling, putting}, return_when=asyncio.FIRST_COMPLETED)
            if putting.done():
                return await putting
            await telling  # raises OutputGone
            raise AssertionError("it goes on until it is cancelled")
        finally:
            gone = not putting.done()
            telling.cancel()
            putting.cancel()
            await asyncio.gather(telling, putting, return_exceptions=True)
            if gone and telling.done() and not telling.cancelled():
                with suppress(UploadError):
                    await self._objects.abort(local, None)

    async def _tell_often(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            await self._state.tell()

    async def _local(self, content: Content) -> LocalFile:
        try:
            before = await asyncio.to_thread(content.path.stat)
            digest = await sha256_of(content.path)
            after = await asyncio.to_thread(content.path.stat)
        except OSError as error:
            raise FileGone(
                f"{content.path} can't be read: {error.strerror or error}.",
                "Put it back; then retry the output.",
            ) from error
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise UploadError(f"{content.path} is being changed.", "It is tried again.")
        return LocalFile(
            path=content.path,
            size=after.st_size,
            sha256=digest,
            key=f"{folder_of(self._recording)}/{content.name}",
            content_type=content_type(content.name),
        )

    async def _drop_other(self, known: UploadedFile | None, open_id: str | None) -> None:
        """An upload of an earlier state of the file, or to the other target, isn't gone on with."""
        if known is None or known.open_id is None or known.open_id == open_id:
            return
        with suppress(HavenError):
            target = await asyncio.to_thread(target_of, self._spec, fallback=known.fallback)
            async with http_client(target.client) as client:
                await Objects(target, client, Bandwidth(None)).abort(
                    local_file(known), known.open_id
                )

    def _row_of(self, content: Content, local: LocalFile, open_id: str | None) -> UploadedFile:
        return UploadedFile(
            output_id=self._row.id,
            name=content.name,
            part=content.part,
            path=str(content.path),
            key=local.key,
            fallback=self._fallback,
            location=self._target.location(local.key),
            content_type=local.content_type,
            size_bytes=local.size,
            sha256=local.sha256,
            open_id=open_id,
        )

    async def _begin(self, row: UploadedFile) -> None:
        if not await self._files.begin(row):
            raise OutputGone

    async def _send_manifest(self) -> None:
        there = list(self._there.values())
        content = await write_manifest(self._catalog, self._recording, there, self._scratch)
        if self._is_told(content):
            return
        self._there.pop(content.name, None)
        await self._keep_manifest(content.path)
        await self._send(content)

    def _is_told(self, manifest: Content) -> bool:
        """Whether the manifest that is there was made of all that is there now."""
        known = self._there.get(manifest.name)
        if known is None or known.uploaded_at is None:
            return False
        others = [one.uploaded_at for one in self._there.values() if one is not known]
        return all(at is None or at <= known.uploaded_at for at in others)

    async def _keep_manifest(self, path: Path) -> None:
        """Beside the recording's file, too; an upload doesn't fail if it can't be there."""
        sidecars = Sidecars(self._catalog, self._recording, self._access)
        try:
            data = await asyncio.to_thread(path.read_bytes)
            await sidecars.write_beside(SidecarKind.MANIFEST, data)
        except (OSError, HavenError) as error:
            log.warning(
                "no manifest beside the file", recording=self._recording.id, error=str(error)
            )

    async def _complete(self) -> None:
        if self._spec.keep_local == "until_uploaded":
            if await self._is_to_be_encoded():
                again = datetime.now(UTC) + timedelta(seconds=ENCODE_LOOK_S)
                await self._state.set(OutputState.ACTIVE, next_try_at=again)
                return
            await self._remove_local()
        await asyncio.to_thread(shutil.rmtree, self._scratch, ignore_errors=True)
        await self._state.completes()

    async def _is_to_be_encoded(self) -> bool:
        recording = await self._catalog.get(self._recording.id)
        waits = recording.encode is not None and recording.encode_id is None
        return waits or await Encodes(self._catalog).active_of(recording.id) is not None

    async def _remove_local(self) -> None:
        """The final files only, once each is checked beyond its size."""
        files = [one for one in self._there.values() if one.part and one.removed_at is None]
        for file in files:
            if file.verified not in ("etag", "sha256"):
                raise UploadError(f"{file.location} isn't checked.", "The file here is kept.")
        for file in files:
            await asyncio.to_thread(unlink_if_same, file)
            await self._files.change(self._row.id, file.name, removed_at=datetime.now(UTC))
