"""The pipelines of this server, the ffmpeg that runs them, and what they cost on this machine."""

from __future__ import annotations

import asyncio

from orchestrator.capacity.admission import Capacity, capacity
from orchestrator.catalog.store import Catalog
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.encoding.pipeline.loading import Pipelines
from orchestrator.encoding.process.capabilities import FFmpeg, ffmpeg_for, usable_ffmpeg
from orchestrator.settings import Settings


class Encoders:
    """Empty until `load`."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._settings, self._catalog = settings, catalog
        self.pipelines = Pipelines({})

    async def load(self) -> None:
        """Read the built-in pipelines and those of the settings' folder."""
        folder = self._settings.pipelines_directory
        self.pipelines = await asyncio.to_thread(Pipelines.load, folder)

    async def ffmpeg(self, pipeline: Pipeline | None = None) -> FFmpeg:
        """The ffmpeg that has the encoders of the pipeline (or of every pipeline).

        Raises FFmpegNotFound.
        """
        pipelines = [pipeline] if pipeline else self.pipelines.by_name.values()
        return await ffmpeg_for(self._settings, pipelines)

    async def require(self, pipeline: Pipeline) -> None:
        """Raises FFmpegNotFound or EncoderMissing if the pipeline can't be run here."""
        await usable_ffmpeg(self._settings, pipeline)

    async def capacity(self, pipeline: Pipeline | None = None) -> Capacity:
        """What this machine can do with that ffmpeg; one that copies has none of its own."""
        ffmpeg = await self.ffmpeg(None if pipeline is None or pipeline.copies else pipeline)
        return await capacity(self._settings, self._catalog, ffmpeg, self.pipelines.by_name)
