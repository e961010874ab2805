"""Whether HLS can be had of a recording as it was asked for."""

from __future__ import annotations

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.errors import InvalidRequest
from orchestrator.outputs.specs import HlsOutput
from orchestrator.settings import Settings


async def check_hls(output: HlsOutput, pipeline: Pipeline, settings: Settings) -> None:
    """InvalidRequest if the pipeline writes no parts. Codecs show when there are frames."""
    if output.low_latency and (pipeline.copies or pipeline.container != "mp4"):
        raise InvalidRequest(
            f"Low latency needs MP4, which pipeline {pipeline.name} doesn't write.",
            "Record as mp4 or av1, or ask for HLS without low_latency.",
            field="low_latency",
        )
