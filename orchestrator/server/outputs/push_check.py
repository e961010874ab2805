"""Whether a recording can be pushed where a request wants it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from orchestrator.capacity.admission import Capacity
from orchestrator.capacity.push_use import check_push_fits, encodes_video
from orchestrator.catalog.models import Recording
from orchestrator.catalog.outputs.model import OutputRow
from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.errors import InvalidRequest
from orchestrator.outputs.specs import PushOutput
from orchestrator.pushing.address import SCHEMES, Kind, address_of
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


def push_kind(row: OutputRow) -> Kind:
    """By what a push's row shows of its address."""
    return SCHEMES.get(str(row.shown.get("url", "")).partition("://")[0], "rtmp")


async def check_capacity(
    row: OutputRow,
    recording: Recording,
    active: Callable[[], Awaitable[Sequence[Recording]]],
    capacity: Callable[[], Awaitable[Capacity]],
) -> None:
    """NoCapacity if this push of a recording has to encode, and there is no CPU for that."""
    if row.kind == "push" and encodes_video(recording.video_codec, push_kind(row)):
        check_push_fits(await capacity(), recording, await active())
