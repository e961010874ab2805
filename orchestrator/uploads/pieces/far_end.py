"""Where the pieces of one recording go: its folder at one target."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import obstore
import structlog
from obstore.exceptions import BaseError

from orchestrator.uploads.bandwidth import Bandwidth
from orchestrator.uploads.objects import Verified
from orchestrator.uploads.pieces.in_memory import InMemory, put_in_memory
from orchestrator.uploads.targets import Target

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FarEnd:
    """That folder, and how it is written to."""

    target: Target
    folder: str
    pace: Bandwidth
    fallback: bool
    """Whether it is the second target."""
    read_back: bool
    """Whether what nothing else tells to be whole is read again."""

    def location(self, name: str) -> str:
        """The address of something in it, as users may see it."""
        return self.target.location(f"{self.folder}/{name}")

    async def put(self, one: InMemory) -> Verified:
        """Puts it into the folder and says how it was checked; UploadError."""
        below = replace(one, key=f"{self.folder}/{one.key}")
        return await put_in_memory(self.target, self.pace, below, read_back=self.read_back)

    async def remove(self, name: str) -> bool:
        """Removes something, and whether it did: keys may be allowed to put only."""
        key, folder = f"{self.folder}/{name}", self.target.folder
        try:
            if folder is not None:
                await asyncio.to_thread((folder / key).unlink, missing_ok=True)
            else:
                await obstore.delete_async(self.target.store, key)
        except (OSError, BaseError) as error:
            kind = type(error).__name__
            log.warning("a replaced piece is left", at=self.location(name), error=kind)
            return False
        return True
