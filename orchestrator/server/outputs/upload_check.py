"""Whether a request may have its files uploaded to where it says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.errors import InvalidRequest, UploadError
from orchestrator.outputs.specs import UploadOutput
from orchestrator.settings import Settings
from orchestrator.uploads.addresses import check_addresses
from orchestrator.uploads.options import check_options, scheme_of
from orchestrator.uploads.plain_options import plain_options

_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""What becomes part of a host's name."""
_HOST_PARTS: Final = ("region", "account_name", "tenant_id")


async def check_upload(output: UploadOutput, _pipeline: Pipeline, settings: Settings) -> None:
    """InvalidRequest for a target that isn't one, or that this API's clients may not reach."""
    await _check(output.url.get_secret_value(), plain_options(output.options), "", settings)
    if output.fallback_url is not None:
        url, options = output.fallback_url.get_secret_value(), output.fallback_options
        await _check(url, plain_options(options), "fallback_", settings)


async def _check(url: str, options: Mapping[str, str], field: str, settings: Settings) -> None:
    scheme = scheme_of(url, f"{field}url")
    check_options(scheme, options, f"{field}options")
    if scheme == "file" and not settings.allow_private_targets:
        raise InvalidRequest(
            "A request may not have files put into a folder of this machine.",
            "Name object storage, or a folder in the settings ([[outputs]]); or set"
            " allow_private_targets.",
            field=f"{field}url",
        )
    _check_host_parts(urlsplit(url).netloc, options, field)
    await check_addresses(options, field, private=settings.allow_private_targets)
    await asyncio.to_thread(_try, url, options, field)


def _check_host_parts(bucket: str, options: Mapping[str, str], field: str) -> None:
    named = {f"{field}options.{name}": options[name] for name in _HOST_PARTS if name in options}
    for name, value in {f"{field}url": bucket or "folder", **named}.items():
        if not _LABEL.fullmatch(value):
            raise InvalidRequest(
                f"{name} has characters that a bucket or a host's name can't have.",
                "Use letters, digits, dots and hyphens.",
                field=name,
            )


def _try(url: str, options: Mapping[str, str], field: str) -> None:
    from orchestrator.uploads.targets import open_target  # noqa: PLC0415 - 16 MB, on demand

    try:
        open_target(url, options)
    except UploadError as error:  # a folder that isn't there
        raise InvalidRequest(error.error, error.detail, field=f"{field}url") from error
    except InvalidRequest as error:
        raise InvalidRequest(error.error, error.detail, field=f"{field}options") from error
