"""Sends files to one target and keeps their rows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from orchestrator.catalog.uploads.model import UploadedFile
from orchestrator.catalog.uploads.table import UploadedFiles
from orchestrator.errors import UploadError
from orchestrator.outputs.specs import UploadOutput
from orchestrator.uploads.contents import MANIFEST, Content
from orchestrator.uploads.left_open import LeftOpen, keep
from orchestrator.uploads.local_files import read_local, sizes_of
from orchestrator.uploads.objects import LocalFile, Objects, Watcher
from orchestrator.uploads.output_state import OutputGone, UploadState


class FileSender:
    """Of one recording, to one target."""

    def __init__(
        self,
        files: UploadedFiles,
        state: UploadState,
        spec: UploadOutput,
        objects: Objects,
        *,
        folder: str,
        fallback: bool,
    ) -> None:
        """`folder`: the recording's at the target; `fallback`: whether it is the second one."""
        self._files, self._state, self._spec, self._objects = files, state, spec, objects
        self._folder, self._fallback = folder, fallback
        self._left_open = LeftOpen(state, spec)
        self.there: dict[str, UploadedFile] = {}
        """Rows by name, also of what hasn't arrived."""
        self._contents: list[Content] = []

    async def load(self) -> None:
        """Learns what is there."""
        rows = await self._files.of_output(self._state.row.id)
        self.there = {one.name: one for one in rows}

    def is_there(self, name: str) -> bool:
        """Whether something of that name has arrived and was checked."""
        row = self.there.get(name)
        return row is not None and row.verified is not None

    async def plan(self, contents: Sequence[Content]) -> None:
        """What is to be sent, as the figures have it."""
        self._contents = list(contents)
        await self._drop_replaced()
        sizes = await asyncio.to_thread(sizes_of, [one.path for one in contents])
        total = 0
        for content, size in zip(contents, sizes, strict=True):
            known = self.known(content)
            total += known.size_bytes if known is not None else size or 0
        self._state.figures |= {
            "bytes_total": total,
            "files": len(contents),
            "location": self._objects.target.location(self._folder),
        }
        self._count()

    def known(self, content: Content) -> UploadedFile | None:
        """Its row if it is at the target, as it is here."""
        row = self.there.get(content.name)
        if row is None or row.verified is None or not content.is_of(row.size_bytes, row.sha256):
            return None
        return row

    async def send(self, content: Content) -> None:
        """Puts it, unless it is there; UploadError, OutputGone."""
        if self.known(content) is not None:
            return
        known = self.there.get(content.name)
        key = f"{self._folder}/{content.name}"
        local = await read_local(content, key, known)
        same = known is not None and known.sha256 == local.sha256 and known.key == local.key
        open_id = known.open_id if same and known and known.fallback == self._fallback else None
        await self._drop_other(known, open_id)
        row = self._row_of(content, local, open_id)
        await self._begin(row)
        verified = await self._put(row, local, open_id)
        uploaded = {"verified": verified, "uploaded_at": datetime.now(UTC), "open_id": None}
        if not await self._files.change(row.output_id, content.name, **uploaded):
            raise OutputGone
        for name, value in uploaded.items():
            setattr(row, name, value)
        self.there[content.name] = row
        self._state.forget_failures()
        self._count()
        await self._state.works()
        await self._state.tell()

    def _count(self, in_progress: int = 0) -> None:
        done = [row for one in self._contents if (row := self.known(one)) is not None]
        self._state.figures |= {
            "files_uploaded": len(done),
            "bytes_uploaded": sum(one.size_bytes for one in done) + in_progress,
            "verified": sorted({one.verified or "" for one in done}),
        }

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
        for row in [one for one in self.there.values() if one.name not in names]:
            if row.verified is None:
                await self._left_open.end(row)
                await self._files.forget(row.output_id, row.name)
                del self.there[row.name]

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
            output_id=self._state.row.id,
            name=content.name,
            part=content.part,
            path=str(content.path),
            key=local.key,
            fallback=self._fallback,
            location=self._objects.target.location(local.key),
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
