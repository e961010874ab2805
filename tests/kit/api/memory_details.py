"""What is in streams because a test says so."""

from __future__ import annotations

from orchestrator.discovery.directory import Directory
from orchestrator.server.streams.details import PublishedTrack, StreamDetails, details_of
from tests.kit.api.directory import MemoryDirectory
from tests.kit.api.memory_pauses import MemoryPauses
from tests.kit.api.memory_sidecars import MemorySidecars
from tests.kit.api.memory_uploads import MemoryUploads
from tests.kit.api.memory_webhooks import MemoryWebhooks


class MemoryDetails(MemoryPauses):
    """The part of a manager that looks into streams, beside files, and at calls."""

    def __init__(self, directory: MemoryDirectory) -> None:
        self.directory = directory
        self.published: dict[str, tuple[PublishedTrack, ...]] = {}
        """What is in streams, by their ids."""
        self.sidecars = MemorySidecars()
        self.uploads = MemoryUploads()
        self.webhooks = MemoryWebhooks()

    async def details(self, stream_id: str) -> StreamDetails:
        """What the test says is in it; of one with a name of its own what its server says."""
        if await self.directory.named.known(stream_id) is not None:
            return await details_of(Directory([], named=self.directory.named), stream_id)
        stream = await self.directory.find(stream_id)
        published = self.published.get(stream_id)
        return StreamDetails(stream, published, "" if published is not None else "Nobody knows.")
