"""What the rows of uploads mean: their targets."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from orchestrator.outputs.specs import UploadOutput
from orchestrator.uploads.addresses import check_addresses
from orchestrator.uploads.failures import unreachable
from orchestrator.uploads.options import check_options
from orchestrator.uploads.plain_options import plain_options
from orchestrator.uploads.targets import Target, open_target


async def reachable_target(spec: UploadOutput, *, fallback: bool, trusted: bool) -> Target:
    """The first or the second target; what `open_target` raises.

    Unless it is trusted, its hosts are looked up and checked: InvalidRequest if it may not be
    asked, UploadUnreachable if that isn't known now.
    """
    url, options = _place(spec, fallback=fallback)
    target = await asyncio.to_thread(open_target, url, options)
    if not trusted:
        check_options(target.scheme, options)
        if unknown := await check_addresses(options):
            raise unreachable(target.shown, f"{unknown[0][:255]} can't be looked up")
    return target


def slot_of(spec: UploadOutput, *, fallback: bool) -> str:
    """What stands for its target where uploads are shared out: endpoint and bucket or folder."""
    url, options = _place(spec, fallback=fallback)
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc or parts.path} {options.get('endpoint', '')}"


def _place(spec: UploadOutput, *, fallback: bool) -> tuple[str, dict[str, str]]:
    if fallback and spec.fallback_url is not None:
        return spec.fallback_url.get_secret_value(), plain_options(spec.fallback_options)
    return spec.url.get_secret_value(), plain_options(spec.options)
