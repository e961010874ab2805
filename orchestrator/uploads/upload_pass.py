"""One pass over a recording: what is there and isn't at the target is sent.

While the recording runs, a pass with pieces for HLS goes on to its end; it sends final files beside
them. All others end when there is nothing more to send.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from orchestrator.catalog.models import Recording
from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.table import UploadedFiles
from orchestrator.errors import FileGone, HavenError, UploadHindered
from orchestrator.file_access import FileAccess
from orchestrator.outputs.specs import UploadOutput
from orchestrator.recordings.output_states import OutputState
from orchestrator.recordings.sidecars.files import Sidecars
from orchestrator.recordings.sidecars.names import SidecarKind
from orchestrator.recordings.states import ACTIVE
from orchestrator.uploads.bandwidth import Bandwidth
from orchestrator.uploads.contents import (
    Content,
    contents_of,
    folder_of,
    scratch_folder,
    write_manifest,
)
from orchestrator.uploads.file_sender import FileSender
from orchestrator.uploads.left_open import LeftOpen
from orchestrator.uploads.objects import Objects
from orchestrator.uploads.output_state import UploadState
from orchestrator.uploads.pieces.far_end import FarEnd
from orchestrator.uploads.pieces.upload import LOOK_S, PieceUpload
from orchestrator.uploads.removal import Removal, is_to_be_encoded
from orchestrator.uploads.rows import reachable_target
from orchestrator.uploads.s3.bucket import http_client
from orchestrator.uploads.targets import Target

log = structlog.get_logger(__name__)

NEEDED_LOOK_S: Final = 30.0
"""Between two looks at whether the files are needed here, by an encode or another upload."""
FILES_LOOK_S: Final = 2.0
"""Between two looks for final files of a recording that runs."""


class UploadPass:
    """What one pass holds open: the target, its connections."""

    def __init__(
        self,
        catalog: Catalog,
        state: UploadState,
        spec: UploadOutput,
        recording: Recording,
        *,
        access: FileAccess,
        beside: asyncio.Semaphore,
    ) -> None:
        """`beside`: how many send files while they follow their recordings."""
        self._access, self._beside = access, beside
        self._catalog, self._state = catalog, state
        self._row, self._spec, self._recording = state.row, spec, recording
        self._left_open = LeftOpen(state, spec)
        self._scratch = scratch_folder(self._row.id)
        self._contents: list[Content] = []

    async def __aenter__(self) -> UploadPass:
        fallback = bool(self._state.figures.get("fallback_used"))
        target: Target = await reachable_target(
            self._spec, fallback=fallback, trusted=self._row.trusted
        )
        self._client = http_client(target.client)
        pace = Bandwidth(self._spec.bandwidth_bps)
        objects = Objects(target, await self._client.__aenter__(), pace)
        folder, files = folder_of(self._recording), UploadedFiles(self._catalog)
        self._files = FileSender(
            files, self._state, self._spec, objects, folder=folder, fallback=fallback
        )
        read_back = self._spec.keep_local == "until_uploaded"
        end = FarEnd(target, folder, pace, fallback=fallback, read_back=read_back)
        self._pieces = PieceUpload(self._catalog, self._state, end, self._files, self._scratch)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.__aexit__(None, None, None)

    async def send_all(self) -> None:
        """Everything; sets the state.

        A file that an encode replaced meanwhile is no failure: the next pass begins at once.
        """
        await self._files.load()
        try:
            if self._spec.hls and self._recording.state in ACTIVE:
                await self._follow()
            else:
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

    async def _follow(self) -> None:
        """Until the recording has ended and its pieces are there; files follow in the next pass."""
        await self._pieces.open()
        beside: asyncio.Task[None] | None = None
        looked_s = float("-inf")
        try:
            while not await self._pieces.send_new():
                if beside is not None and beside.done():
                    await beside
                    beside = None
                if beside is None and time.monotonic() - looked_s > FILES_LOOK_S:
                    looked_s = time.monotonic()
                    beside = await self._begin_beside()
                await self._state.tell()
                await asyncio.sleep(LOOK_S)
            if beside is not None:
                await beside
        finally:
            if beside is not None:
                beside.cancel()
                await asyncio.gather(beside, return_exceptions=True)
        await self._pieces.finish()
        await self._state.goes_on()

    async def _begin_beside(self) -> asyncio.Task[None] | None:
        """Sends files that have become final, if there are any."""
        contents = await contents_of(self._catalog, self._recording, self._scratch)
        self._contents = contents
        if all(self._files.known(one) for one in contents):
            return None
        return asyncio.create_task(self._send_beside(contents))

    async def _send_beside(self, contents: Sequence[Content]) -> None:
        async with self._beside:
            await self._files.plan(contents)
            await self._state.begins()
            for content in contents:
                await self._files.send(content)

    async def _send_all(self) -> None:
        ended = self._recording.state not in ACTIVE
        playlists = await self._pieces.send_rest() if self._spec.hls else []
        contents = await contents_of(self._catalog, self._recording, self._scratch)
        self._contents = [*playlists, *contents]
        if ended and not any(one.part for one in contents):
            raise FileGone(
                f"Recording {self._recording.id} has no file that could be uploaded.",
                self._recording.error or "It was stopped before its first frame.",
            )
        await self._files.plan(self._contents)
        await self._state.begins()
        for content in self._contents:
            await self._files.send(content)
        if not ended:
            await self._state.tell()
            return
        await self._send_manifest()
        await self._complete()

    async def _send_manifest(self) -> None:
        there = list(self._files.there.values())
        hls = await self._pieces.described() if self._spec.hls else None
        content = await write_manifest(self._catalog, self._recording, there, self._scratch, hls)
        if self._is_told(content):
            return
        self._files.there.pop(content.name, None)
        await self._keep_manifest(content.path)
        await self._files.send(content)

    def _is_told(self, manifest: Content) -> bool:
        """Whether the manifest that is there was made of all that is there now."""
        known = self._files.there.get(manifest.name)
        if known is None or known.uploaded_at is None:
            return False
        others = [one.uploaded_at for one in self._files.there.values() if one is not known]
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
            await removal.remove([self._files.there[one.name] for one in self._finals()])
        await self._left_open.end_kept()
        await self._state.completes()

    def _finals(self) -> list[Content]:
        return [one for one in self._contents if one.part]

    async def _are_others(self) -> bool:
        """Whether the recording has other files now: an encode replaced them, or there are more."""
        files = await self._catalog.files(self._recording.id)
        now = [(one.number, Path(one.path), one.size_bytes) for one in files]
        return now != [(one.part, one.path, one.size) for one in self._finals()]
