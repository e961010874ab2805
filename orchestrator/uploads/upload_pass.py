"""One pass over the files of a recording: what is there and isn't at the target is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.catalog.uploads.table import UploadedFiles
from orchestrator.errors import FileGone, HavenError, UploadError, UploadHindered
from orchestrator.file_access import FileAccess
from orchestrator.outputs.specs import UploadOutput
from orchestrator.recordings.output_states import OutputState
from orchestrator.recordings.sidecars.files import Sidecars
from orchestrator.recordings.sidecars.names import SidecarKind
from orchestrator.recordings.states import ACTIVE
from orchestrator.uploads.bandwidth import Bandwidth
from orchestrator.uploads.contents import (
    MANIFEST,
    Content,
    contents_of,
    folder_of,
    scratch_folder,
    write_manifest,
)
from orchestrator.uploads.left_open import LeftOpen, keep
from orchestrator.uploads.local_files import read_local, sizes_of
from orchestrator.uploads.objects import LocalFile, Objects, Watcher
from orchestrator.uploads.output_state import OutputGone, UploadState
from orchestrator.uploads.removal import Removal, is_to_be_encoded
from orchestrator.uploads.rows import reachable_target
from orchestrator.uploads.s3.bucket import http_client
from orchestrator.uploads.targets import Target

log = structlog.get_logger(__name__)

NEEDED_LOOK_S: Final = 30.0
"""Between two looks at whether the files are needed here, by an encode or another upload."""


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
        self._contents: list[Content] = []
        self._left_open = LeftOpen(state, spec)
        self._scratch = scratch_folder(self._row.id)

    async def __aenter__(self) -> UploadPass:
        self._fallback = bool(self._state.figures.get("fallback_used"))
        self._target: Target = await reachable_target(
            self._spec, fallback=self._fallback, trusted=self._row.trusted
        )
        self._client = http_client(self._target.client)
        pace = Bandwidth(self._spec.bandwidth_bps)
        self._objects = Objects(self._target, await self._client.__aenter__(), pace)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.__aexit__(None, None, None)

    async def send_all(self) -> None:
        """Everything; sets the state.

        A file that an encode replaced meanwhile is no failure: the next pass begins at once.
        """
        try:
            await self._send_all()
        except FileGone as gone:
            if await self._are_others():
                await self._state.goes_on()
            elif await is_to_be_encoded(self._catalog, self._recording.id):
                raise UploadHindered(
                    gone.error, "It is being encoded again; then it is tried again."
                ) from gone
            else:
                raise

    async def _send_all(self) -> None:
        self._there = {one.name: one for one in await self._files.of_output(self._row.id)}
        self._contents = await contents_of(self._catalog, self._recording, self._scratch)
        contents = self._contents
        ended = self._recording.state not in ACTIVE
        if ended and not any(one.part for one in contents):
            raise FileGone(
                f"Recording {self._recording.id} has no file that could be uploaded.",
                self._recording.error or "It was stopped before its first frame.",
            )
        await self._drop_replaced()
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
        total = 0
        for content, size in zip(contents, sizes, strict=True):
            known = self._known(content)
            total += known.size_bytes if known is not None else size or 0
        self._state.figures |= {
            "bytes_total": total,
            "files": len(contents),
            "location": self._target.location(folder_of(self._recording)),
        }
        self._count()

    def _known(self, content: Content) -> UploadedFile | None:
        """Its row if it is at the target, as it is here."""
        row = self._there.get(content.name)
        if row is None or row.verified is None or not content.is_of(row.size_bytes, row.sha256):
            return None
        return row

    def _count(self, in_progress: int = 0) -> None:
        done = [row for one in self._contents if (row := self._known(one)) is not None]
        self._state.figures |= {
            "files_uploaded": len(done),
            "bytes_uploaded": sum(one.size_bytes for one in done) + in_progress,
            "verified": sorted({one.verified or "" for one in done}),
        }

    async def _send(self, content: Content) -> None:
        if self._known(content) is not None:
            return
        known = self._there.get(content.name)
        key = f"{folder_of(self._recording)}/{content.name}"
        local = await read_local(content, key, known)
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
            row.open_id = id
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
                    await self._objects.abort(local, row.open_id)

    async def _tell_often(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            await self._state.tell()

    async def _drop_replaced(self) -> None:
        """What is unfinished of files that an encode has replaced since."""
        names = {MANIFEST, *(one.name for one in self._contents)}
        for row in [one for one in self._there.values() if one.name not in names]:
            if row.verified is None:
                await self._left_open.end(row)
                await self._files.forget(self._row.id, row.name)
                del self._there[row.name]

    async def _drop_other(self, known: UploadedFile | None, open_id: str | None) -> None:
        """An upload of an earlier state of the file, or to the other target, isn't gone on with."""
        if known is None or known.open_id is None or known.open_id == open_id:
            return
        if known.fallback == self._fallback:
            await self._left_open.end(known)
        else:  # that target fails now
            keep(self._state.figures, known)

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
            mtime_ns=local.mtime_ns,
            sha256=local.sha256,
            open_id=open_id,
            **dict.fromkeys(("verified", "uploaded_at", "removed_at")),  # of an earlier one
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
        if await self._are_others():
            await self._state.goes_on()
            return
        if self._spec.keep_local == "until_uploaded":
            removal = Removal(self._catalog, self._row)
            if await removal.are_needed():
                again = datetime.now(UTC) + timedelta(seconds=NEEDED_LOOK_S)
                await self._state.set(OutputState.ACTIVE, next_try_at=again)
                return
            await removal.remove([self._there[one.name] for one in self._finals()])
        await self._left_open.end_kept()
        await self._state.completes()

    def _finals(self) -> list[Content]:
        return [one for one in self._contents if one.part]

    async def _are_others(self) -> bool:
        """Whether the recording has other files now: an encode replaced them, or there are more."""
        files = await self._catalog.files(self._recording.id)
        now = [(one.number, Path(one.path), one.size_bytes) for one in files]
        return now != [(one.part, one.path, one.size) for one in self._finals()]
