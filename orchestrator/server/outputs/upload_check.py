"""Whether a request may have its files uploaded to where it says."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from orchestrator.encoding.pipeline.command import Pipeline
from orchestrator.errors import InvalidRequest, UploadError
from orchestrator.outputs.specs import UploadOutput
from orchestrator.settings import Settings
from orchestrator.target_addresses import checked_addresses
from orchestrator.uploads.options import TRUE, check_options, scheme_of
from orchestrator.uploads.plain_options import plain_options

_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""What becomes part of a host's name."""
_HOST_PARTS: Final = ("region", "account_name", "tenant_id")
_ADDRESSES_OF_KEY: Final = ("token_uri", "gcs_base_url")
"""In a service account's JSON."""


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
    for name, address in _addresses(options, field).items():
        host = _host(address, options, name)
        await checked_addresses(host, name, private=settings.allow_private_targets)
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


def _addresses(options: Mapping[str, str], field: str) -> dict[str, str]:
    """All that the target would be asked at, by the field that names it."""
    found = {f"{field}options.endpoint": options["endpoint"]} if "endpoint" in options else {}
    if (key := options.get("service_account_key")) is not None:
        values = _service_account(key, f"{field}options.service_account_key")
        name = f"{field}options.service_account_key"
        found |= {f"{name}.{one}": str(values[one]) for one in _ADDRESSES_OF_KEY if values.get(one)}
    return found


def _service_account(key: str, field: str) -> dict[str, Any]:
    try:
        values = json.loads(key)
    except ValueError:
        values = None
    if isinstance(values, dict):
        return values
    raise InvalidRequest(
        "service_account_key is no JSON of a service account.",
        "Give the whole content of its key file.",
        field=field,
    )


def _host(address: str, options: Mapping[str, str], field: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise InvalidRequest(
            f"{field} is no address of a server.", "Write it as https://host.", field=field
        )
    if parts.scheme == "http" and options.get("allow_http", "").lower() not in TRUE:
        raise InvalidRequest(
            f"{field} has no TLS: what is uploaded could be read on its way.",
            "Use https://, or set the option allow_http to true.",
            field=field,
        )
    return parts.hostname


def _try(url: str, options: Mapping[str, str], field: str) -> None:
    from orchestrator.uploads.targets import open_target  # noqa: PLC0415 - 16 MB, on demand

    try:
        open_target(url, options)
    except UploadError as error:  # a folder that isn't there
        raise InvalidRequest(error.error, error.detail, field=f"{field}url") from error
    except InvalidRequest as error:
        raise InvalidRequest(error.error, error.detail, field=f"{field}options") from error
