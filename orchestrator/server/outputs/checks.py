"""Whether this server can do what a request wants besides a file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.errors import InvalidRequest
from orchestrator.outputs.specs import Output
from orchestrator.outputs.webhooks import Webhook
from orchestrator.recordings.start_request import StartRequest
from orchestrator.server.outputs.hls_check import check_hls
from orchestrator.server.outputs.push_check import check_push
from orchestrator.server.outputs.upload_check import check_upload
from orchestrator.settings import Settings
from orchestrator.target_addresses import checked_addresses

Check = Callable[[Any, Pipeline, Settings], Awaitable[None]]
"""Raises InvalidRequest, with `field`, for an output that a request may not have or that can't be
made of what the pipeline records. Those of the settings are asked, too, but may lead anywhere."""

CHECKS: Final[Mapping[str, Check]] = {
    "hls": check_hls,
    "push": check_push,
    "upload": check_upload,
}
"""By kind."""


async def checked_outputs(
    request: StartRequest, pipeline: Pipeline, settings: Settings
) -> tuple[Output, ...]:
    """Those of the request, else of the settings."""
    if request.outputs is None:
        return tuple(settings.outputs)
    if sum(output.type == "images" for output in request.outputs) > 1:
        raise InvalidRequest(
            "A recording has one output of images at most.",
            "Name it once; interval_s and scene_changes go together.",
            field="outputs",
        )
    for output in request.outputs:
        await check_output(output, pipeline, settings)
    return request.outputs


async def check_output(output: Output, pipeline: Pipeline, settings: Settings) -> None:
    """InvalidRequest if it can't be had of a recording with this pipeline."""
    if (check := CHECKS.get(output.type)) is not None:
        await check(output, pipeline, settings)


async def check_webhooks(webhooks: Sequence[Webhook], settings: Settings) -> None:
    """InvalidRequest if a request may not have one of them: it leads to a private address.

    A name that can't be looked up now is none: a recording is worth more than its web hooks.
    """
    for number, webhook in enumerate(webhooks):
        field = f"webhooks.{number}.url"
        await checked_addresses(webhook.host, field, private=settings.allow_private_targets)
