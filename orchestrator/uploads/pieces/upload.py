"""The pieces of one upload: sent while they come, or all at once; then their last playlists."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any, Final

from orchestrator.catalog.store import Catalog
from orchestrator.catalog.uploads.pieces import UploadedPieces
from orchestrator.errors import UploadHindered
from orchestrator.uploads.contents import HLS, Content, write_scratch
from orchestrator.uploads.file_sender import FileSender
from orchestrator.uploads.output_state import UploadState
from orchestrator.uploads.pieces.far_end import FarEnd
from orchestrator.uploads.pieces.names import MASTER_NAME, MEDIA_NAME, SUMS_NAME
from orchestrator.uploads.pieces.sender import PATIENCE, PieceSender

LOOK_S: Final = 0.5
"""Between two looks for pieces."""
_NAMES: Final = (MEDIA_NAME, MASTER_NAME, SUMS_NAME)


class PieceUpload:
    """All is there when its last playlists are, which are files of the upload."""

    def __init__(
        self, catalog: Catalog, state: UploadState, end: FarEnd, files: FileSender, scratch: Path
    ) -> None:
        self._id, self._end, self._files, self._scratch = state.row.id, end, files, scratch
        self._table = UploadedPieces(catalog)
        self._sender = PieceSender(catalog, state, end)

    async def open(self) -> None:
        """Learns what is there."""
        await self._sender.open()

    async def send_new(self) -> bool:
        """As `PieceSender.send_new`."""
        return await self._sender.send_new()

    async def send_rest(self) -> list[Content]:
        """Sends what there is of a recording that has ended; its last playlists, which are sent.

        UploadError, OutputGone.
        """
        if all(self._files.is_there(name) for name in _NAMES):
            return [Content(name, HLS, self._scratch / name) for name in _NAMES]
        await self.open()
        for _ in range(2 * PATIENCE):
            if await self.send_new():
                return await self.finish()
            await asyncio.sleep(LOOK_S)
        raise UploadHindered(
            "The recording has ended, but a segment of it hasn't.", "It is tried again."
        )

    async def finish(self) -> list[Content]:
        """Sends the last playlists and the checksums; none if there are no pieces.

        UploadError, OutputGone.
        """
        view = await self._sender.last_view()
        if view is None:
            return []
        sums = await self._sums()
        texts = zip(_NAMES, (view.media.plain, view.master.plain, sums), strict=True)
        contents = [await asyncio.to_thread(self._written, name, data) for name, data in texts]
        for content in contents:
            row = self._files.there.get(content.name)
            if row is not None and row.fallback != self._end.fallback:
                del self._files.there[content.name]
            await self._files.send(content)
        await self._sender.drop_others()
        return contents

    async def described(self) -> dict[str, Any] | None:
        """What the manifest says of them; None if there are none."""
        row = self._files.there.get(MEDIA_NAME)
        if row is None or row.verified is None:
            return None
        sizes = await self._table.sizes(self._id, fallback=row.fallback)
        return {
            "playlist": MASTER_NAME,
            "pieces": sum(name.endswith(".m4s") for name in sizes),
            "size_bytes": sum(sizes.values()),
            "sha256_sums": SUMS_NAME,
        }

    def _written(self, name: str, data: bytes) -> Content:
        path = self._scratch / name
        write_scratch(path, data)
        return Content(name, HLS, path, size=len(data), sha256=hashlib.sha256(data).hexdigest())

    async def _sums(self) -> bytes:
        """As sha256sum(1) writes them, in the order of the playlist."""
        digests = await self._table.sha256s(self._id, fallback=self._end.fallback)
        return "".join(f"{digests[name]}  {name}\n" for name in self._sender.named()).encode()
