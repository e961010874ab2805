"""Whether a recording can be pushed where a request wants it."""

from __future__ import annotations

from typing import Final

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.errors import InvalidRequest
from orchestrator.outputs.specs import PushOutput
from orchestrator.pushing.address import address_of
from orchestrator.settings import Settings
from orchestrator.target_addresses import checked_addresses

_READ: Final = frozenset({"mp4", "webm", "matroska"})
"""Containers of segments that are read while they grow (`orchestrator.fragments`)."""


async def check_push(push: PushOutput, pipeline: Pipeline, settings: Settings) -> None:
    """InvalidRequest for an address that can't be pushed to or that a request may not name."""
    address = address_of(push.url.get_secret_value())
    if push.token is not None and address.kind != "whip":
        raise InvalidRequest(
            "Only WHIP has a token.",
            "RTMP's key is the end of its address, SRT has streamid and passphrase in its query.",
            field="token",
        )
    if not pipeline.copies and pipeline.container not in _READ:
        raise InvalidRequest(
            f"A recording in {pipeline.container} can't be pushed while it is written.",
            f"Choose a pipeline that writes one of {', '.join(sorted(_READ))}.",
            field="type",
        )
    await checked_addresses(address.host, "url", private=settings.allow_private_targets)
